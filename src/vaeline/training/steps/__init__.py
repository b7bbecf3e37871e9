"""Steps: minibatches and their noise, gradients, averaged weights, and what is counted and watched."""
