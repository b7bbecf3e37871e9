"""vaeline: a variational autoencoder workflow whose numbers need no footnote."""

__version__ = "0.1.0"
