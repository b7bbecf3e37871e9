"""Whether samples of a class are of that class."""

import numpy as np
import torch
from torch import nn

from vaeline.evaluation.fid.classifier import Classifier, classifier_accuracy
from vaeline.evaluation.fid.images import GENERATION_BATCH, to_uint8


def conditional_accuracy(model: nn.Module, classifier: Classifier, n: int) -> dict[str, float]:
    """Returns `conditional_accuracy`, the share of samples that the classifier takes for what was asked.

    With its standard error, over n samples, evenly of all classes; nothing for a model that is told of no
    labels. The classifier errs on real images too: fid_reference's `classifier_accuracy` says how often.
    """
    if not model.classes:
        return {}
    y = torch.arange(n, device=next(model.parameters()).device) % model.classes
    images = [
        to_uint8(model.sample(len(labels), labels)).cpu().numpy() for labels in y.split(GENERATION_BATCH)
    ]
    share, error = classifier_accuracy(classifier, np.concatenate(images), y.cpu().numpy(), model.classes)
    return {"conditional_accuracy": share, "conditional_accuracy_se": error}
