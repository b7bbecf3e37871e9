"""How a model is trained: objectives, optimizers, steps, epochs, and resuming."""
