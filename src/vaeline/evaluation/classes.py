"""Whether samples of a class belong to that class."""

from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor

from vaeline.evaluation.chunks import device_of
from vaeline.evaluation.fid.classifier import Classifier, classifier_accuracy
from vaeline.evaluation.fid.images import GENERATION_BATCH, to_uint8
from vaeline.models.contracts import Model


class ClassSampler(Protocol):
    """A model that is conditioned on labels, and can be sampled given a label for each image."""

    def sample(self, n: int, y: Tensor, /) -> Tensor:
        """Returns n observations [n, *event_shape] of the classes y [n]."""


def conditional_accuracy(model: Model, classifier: Classifier, n: int) -> dict[str, float]:
    """Returns `conditional_accuracy`, the share of samples that the classifier assigns to their class.

    It is taken over n samples, evenly of all classes, and comes with its standard error. It is not defined,
    and the result empty, for a model that is not conditioned on labels. The classifier errs on real images
    too, as often as `classifier_accuracy` of fid_reference says.
    """
    if not model.classes:
        return {}
    sampler = cast(ClassSampler, model)
    y = torch.arange(n, device=device_of(model)) % model.classes
    images = [
        to_uint8(sampler.sample(len(labels), labels), model.scaling).cpu().numpy()
        for labels in y.split(GENERATION_BATCH)
    ]
    share, error = classifier_accuracy(classifier, np.concatenate(images), y.cpu().numpy(), model.classes)
    return {"conditional_accuracy": share, "conditional_accuracy_se": error}
