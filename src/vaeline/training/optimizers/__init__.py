"""How a gradient moves the weights."""
