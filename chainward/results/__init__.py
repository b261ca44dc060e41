"""What came out: records, where they are kept, and statistics with patients as units."""
