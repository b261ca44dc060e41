"""Rows -> files: the page, CSV and JSON."""
