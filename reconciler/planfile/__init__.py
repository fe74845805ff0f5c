"""The plan as a file."""
