"""The data set of a run, in the form that MLflow displays: the arrays, and their source."""

import json
import math
from dataclasses import dataclass

from vaeline.data.prepared import SPLITS, Prepared

LONGEST_DIGEST = 36  # characters, in MLflow
CONTEXTS = {"train": "training", "valid": "validation", "test": "testing"}
PUBLISHED_SOURCES = {
    "mnist": "https://yann.lecun.com/exdb/mnist/",
    "fashion_mnist": "https://github.com/zalandoresearch/fashion-mnist",
    "kmnist": "https://codh.rois.ac.jp/kmnist/",
    "omniglot": "https://github.com/brendenlake/omniglot",
    "cifar10": "https://www.cs.toronto.edu/~kriz/cifar.html",
    "svhn": "http://ufldl.stanford.edu/housenumbers/",
    "celeba": "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    "digits": "https://archive.ics.uci.edu/dataset/80/",
    "photo_patches": "https://scikit-learn.org/stable/modules/generated/sklearn.datasets.load_sample_images.html",
}
"""Where the makers of a data set publish it. The source of any other is the folder of the prepared data."""


@dataclass(frozen=True)
class RunInput:
    """One split of a data set; `source`, `schema` and `profile` are JSON, as MLflow reads them."""

    name: str
    context: str
    digest: str
    source_type: str
    source: str
    schema: str
    profile: str


def run_inputs(data: Prepared) -> list[RunInput]:
    """Returns the three splits, each named by the data set and the split: `mnist train`."""
    return [_input(data, split) for split in SPLITS]


def _input(data: Prepared, split: str) -> RunInput:
    facts = data.description["arrays"][f"{split}_values.npy"]
    count, *sides = facts["shape"]
    published = PUBLISHED_SOURCES.get(data.name, "")
    source = {"url": published} if published else {"uri": str(data.directory)}
    spec = {"dtype": facts["dtype"], "shape": [-1, *sides]}
    features = json.dumps([{"name": "images", "type": "tensor", "tensor-spec": spec}])
    return RunInput(
        name=f"{data.name} {split}",
        context=CONTEXTS[split],
        digest=facts["sha256"][:LONGEST_DIGEST],
        source_type="http" if published else "local",
        source=json.dumps(source | {"sha256": facts["sha256"]}),
        schema=json.dumps({"mlflow_tensorspec": {"features": features, "targets": None}}),
        profile=json.dumps({"num_rows": count, "num_elements": count * math.prod(sides)}),
    )
