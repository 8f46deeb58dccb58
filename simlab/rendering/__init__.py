"""Facts as text and tokens."""
