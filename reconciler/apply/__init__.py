"""Running a plan file."""
