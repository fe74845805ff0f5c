"""What differs between live and desired."""
