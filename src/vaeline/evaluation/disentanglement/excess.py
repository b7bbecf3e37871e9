"""How far the rate is above what tells the training images apart."""

import math

from vaeline.data.prepared import Split
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.evaluation.estimators.latents import Latents


def excess_rate(latents: Latents, train: Split) -> dict[str, float]:
    """Returns log N of the N training images, and the rate above it with its error, in nats an image.

    The rate is I(n; z) + KL(q(z) ‖ p(z)), and the first term, the information of z about the index n of the
    image, is at most log N (Hoffman & Johnson 2016). N is the number of training images, and not that of
    combinations of factors: images that have more than their factors in them, such as photographs, may need a
    higher rate than the factors do. Where each combination occurs once, the two are the same.

    Empty if the factors are unknown, where nothing says that the images have to be taken apart.
    """
    if train.factors is None:
        return {}
    rate, information = Estimate.of(latents.kl.double().sum(1)), math.log(len(train))
    return {
        "image_information": information,
        "excess_rate": rate.mean - information,
        "excess_rate_se": rate.se,
    }
