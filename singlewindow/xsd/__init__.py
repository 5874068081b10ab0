"""The one XML door: parsing, message sets, judging and explaining."""
