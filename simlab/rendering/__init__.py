"""Facts as text, and text as tokens."""
