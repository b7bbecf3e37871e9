"""p(x|z): modules that turn the output of a decoder into a distribution over images."""
