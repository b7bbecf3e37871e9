"""Train and evaluate variational autoencoders reproducibly."""

__version__ = "0.2.0"
