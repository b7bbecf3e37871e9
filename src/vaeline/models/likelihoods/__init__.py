"""p(x|z): modules that turn the decoder's output into a distribution over images."""
