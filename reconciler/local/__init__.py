"""Real stores on loopback, without Docker."""
