"""Samples of a model beside the data: features to compare them in, and measures of each column."""
