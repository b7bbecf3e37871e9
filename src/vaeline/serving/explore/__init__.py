"""A local page for playing with a trained model: `vaeline explore`."""
