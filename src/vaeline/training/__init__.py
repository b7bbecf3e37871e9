"""Training: objectives, optimizers, steps, epochs, and resuming."""
