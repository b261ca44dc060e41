"""Pure functions papers are made of."""
