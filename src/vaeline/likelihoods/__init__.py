"""p(x|z): modules that turn the decoder's output into a distribution over images."""

from vaeline.likelihoods.bernoulli import Bernoulli
from vaeline.likelihoods.continuous_bernoulli import ContinuousBernoulli
from vaeline.likelihoods.discretized_logistic import DiscretizedLogistic
from vaeline.likelihoods.gaussian import Gaussian
from vaeline.likelihoods.pixelcnn import PixelCNN
from vaeline.registry import Table

LIKELIHOODS = (
    Table("likelihood")
    .add("bernoulli", Bernoulli)
    .add("gaussian", Gaussian)
    .add("continuous_bernoulli", ContinuousBernoulli)
    .add("discretized_logistic", DiscretizedLogistic)
    .add("pixelcnn", PixelCNN)
)
