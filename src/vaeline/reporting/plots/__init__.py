"""Pictures, as matplotlib figures."""
