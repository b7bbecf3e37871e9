"""Lossless compression with a trained model: its bound as the size of a file."""
