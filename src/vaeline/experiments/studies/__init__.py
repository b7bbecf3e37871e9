"""Studies: presets that together answer one question, each with its page of results."""
