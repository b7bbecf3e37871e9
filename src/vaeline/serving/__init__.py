"""Trained models outside of the pipeline: load, export, serve."""

from vaeline.serving.loading import load as load
