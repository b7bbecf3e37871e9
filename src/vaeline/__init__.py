"""vaeline: a variational autoencoder workflow whose numbers say what they are."""

__version__ = "0.1.0"
