"""Trained models outside of the pipeline: load, export, serve."""

from vaeline.serving.loading import load_trained as load

__all__ = ["load"]
