"""Distances between generated and real images: features → statistics → distance, in three separate steps."""
