"""p(z): modules that return a distribution over latents."""
