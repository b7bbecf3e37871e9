"""Unbiased measures of a model: β = 1, normalised densities, drawn z, averages over examples."""
