"""A report in other forms, each a pure function from rows to the content of files by their path in the folder."""
