"""Models, and the parts that they are made of: networks, posteriors, priors and likelihoods."""
