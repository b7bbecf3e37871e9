"""Estimators of a trained model: bounds, distances between images, disentanglement, use of the latents."""
