"""Reading data sets as published: addresses, checksums, archives, decoding."""
