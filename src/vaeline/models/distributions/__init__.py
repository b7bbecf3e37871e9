"""Distributions beyond those of torch, and divergences between them."""
