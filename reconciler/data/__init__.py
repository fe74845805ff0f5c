"""Rows: seeds, backfills, copies, integrity."""
