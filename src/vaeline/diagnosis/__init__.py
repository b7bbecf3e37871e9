"""What went wrong in a training: detectors, their thresholds, and remedies."""
