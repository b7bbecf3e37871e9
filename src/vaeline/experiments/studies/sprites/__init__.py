"""Which objectives disentangle the factors of sprites, over their weights and seeds, beside the rate."""
