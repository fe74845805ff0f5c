"""The whole story on real stores; `make demo` runs it."""
