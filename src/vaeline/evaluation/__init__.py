"""What is true of a trained model: bounds, distances, disentanglement, use of the latents."""
