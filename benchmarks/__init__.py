"""Speed beside others at the same work, as ratios in one run: `make bench`."""
