"""A run in the store: its name, its content, and how both are written."""
