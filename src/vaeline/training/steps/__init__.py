"""Steps: their minibatches and noise, the gradient of an update, the average of weights, and what is counted."""
