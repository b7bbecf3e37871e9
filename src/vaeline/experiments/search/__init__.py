"""Searches and sweeps: which experiments run, where they run, and what they come to."""
