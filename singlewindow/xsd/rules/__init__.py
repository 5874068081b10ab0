"""Business rules of message sets."""
