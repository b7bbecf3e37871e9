"""From files and archives to images: addresses, checksums, decoding."""
