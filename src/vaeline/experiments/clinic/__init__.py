"""The clinic: provokes each failure, checks that it is found, and that the printed remedy cures it."""
