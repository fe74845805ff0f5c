"""Declarations: YAML to resources and back."""
