"""q(z|x): modules that turn features into a distribution over latents."""
