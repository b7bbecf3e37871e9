"""Speed beside other implementations at the same work, as ratios: `python -m benchmarks`."""
