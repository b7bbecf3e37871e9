"""p(x|z): modules that turn the decoder's output into a distribution over images."""

from vaeline.likelihoods.bernoulli import Bernoulli
from vaeline.registry import Table

LIKELIHOODS = Table("likelihood").add("bernoulli", Bernoulli)
