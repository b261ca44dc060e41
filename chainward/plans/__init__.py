"""What to run: a plan's fields and file, and the trials it comes to."""
