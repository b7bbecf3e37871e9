"""How well single latent dimensions represent single factors of the images, if the factors are known.

Each score is a function of `codes` [N, d], the means of q(z|x), and `factors` int64 [N, F], the indices of
the factors' values, each of which varies over the N images; `sampled` takes the variances as well.
"""
