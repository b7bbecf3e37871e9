"""Findings: detectors that read the measures of a training, each with its thresholds and its remedy."""
