"""Deterministic networks: image to features, and latent to pixel parameters."""
