"""JSON in and out, by the schema of a message set."""
