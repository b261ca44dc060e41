"""Records -> rows: every figure of the report, still without any layout."""
