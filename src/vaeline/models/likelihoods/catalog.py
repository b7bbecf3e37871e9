"""The table of likelihoods p(x|z)."""

from vaeline.core.registry import Table
from vaeline.models.contracts import Likelihood
from vaeline.models.likelihoods.bernoulli import Bernoulli
from vaeline.models.likelihoods.continuous_bernoulli import ContinuousBernoulli
from vaeline.models.likelihoods.discretized_logistic import DiscretizedLogistic
from vaeline.models.likelihoods.gaussian import Gaussian
from vaeline.models.likelihoods.pixelcnn import PixelCNN

LIKELIHOODS = (
    Table[Likelihood]("likelihood")
    .add("bernoulli", Bernoulli)
    .add("gaussian", Gaussian)
    .add("continuous_bernoulli", ContinuousBernoulli)
    .add("discretized_logistic", DiscretizedLogistic)
    .add("pixelcnn", PixelCNN)
)
