"""Random PostgreSQL resources and declarations."""
