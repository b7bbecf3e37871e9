"""How far generated images are from real ones: features → statistics → distance, three separate steps."""
