"""Pictures: each function returns a matplotlib figure."""
