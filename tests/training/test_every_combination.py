"""Any parts that params can combine: trained, rejected in one line, or failed by a check; nothing else.

Many more examples: `pytest tests/training/test_every_combination.py --hypothesis-profile=long`.
"""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.small import CLASSES, SHAPE, merged, split
from tests.support.small import config as small_config
from vaeline.config import ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.params import StageParams, validated
from vaeline.core.scaling import BYTES
from vaeline.data.draws import Draws
from vaeline.data.prepared import Split
from vaeline.evaluation.observing import evaluation_set, observe, training_set
from vaeline.models.catalog import MODELS
from vaeline.models.likelihoods.catalog import LIKELIHOODS
from vaeline.models.networks.catalog import NETWORKS
from vaeline.models.posteriors.catalog import POSTERIORS
from vaeline.models.priors.catalog import PRIORS
from vaeline.training.build import build
from vaeline.training.checks import pre_training_checks
from vaeline.training.fit import fit
from vaeline.training.objectives.catalog import OBJECTIVES
from vaeline.training.optimizers.catalog import OPTIMIZERS
from vaeline.training.schedules import LR_SCHEDULES
from vaeline.training.state import Training

TINY = {
    "hidden_dim": 6,
    "latent_dim": 2,
    "epochs": 1,
    "network": {"conv": {"channels": 2}, "residual": {"channels": 2}},
    "model": {
        "two_layer": {"latent_dim": 2, "hidden_dim": 4},
        "ladder": {"hidden_dim": 4},
        "vq": {"codes": 4, "side": 2, "embedding_dim": 2, "prior_channels": 2, "prior_layers": 1},
    },
    "posterior": {"iaf": {"hidden_dim": 4}, "coupling": {"hidden_dim": 4}},
    "prior": {"mixture": {"components": 2}, "vamp": {"components": 3}, "flow": {"hidden_dim": 4}},
    "likelihood": {"pixelcnn": {"channels": 2, "layers": 1}, "discretized_logistic": {"components": 2}},
    "objective": {"factor": {"hidden_dim": 4, "depth": 1}},
}
IMAGES = {
    "digits": lambda n: split(n).values,
    "black": lambda n: np.zeros((n, *SHAPE), np.uint8),
    "white": lambda n: np.full((n, *SHAPE), 255, np.uint8),
    "grey": lambda n: np.full((n, *SHAPE), 128, np.uint8),
    "one image": lambda n: np.repeat(split(1).values, n, 0),
}
WITHOUT_DOWNLOADS = sorted(set(OBJECTIVES) - {"perceptual"})


def names(table: Any) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(table))


def section(table: Any, **options: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Returns sections that name a part of `table`, with some of its `options`."""
    return st.fixed_dictionaries({"name": names(table)}, optional=options)


def options(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=values)


COMBINATIONS = st.fixed_dictionaries(
    {
        "model": section(MODELS, ladder=options(layers=st.integers(2, 4), skip=st.booleans())),
        "network": section(
            NETWORKS,
            batch_norm=st.booleans(),
            activation=st.sampled_from(["relu", "leaky_relu", "tanh"]),
            init=st.sampled_from(["vae", "pytorch"]),
            output_bias=st.sampled_from(["zero", "data_mean"]),
            mlp=options(depth=st.integers(1, 3), taper=st.sampled_from([0.01, 0.5, 1.0])),
        ),
        "posterior": section(POSTERIORS, iaf=options(steps=st.integers(1, 2))),
        "prior": section(PRIORS, vamp=options(components=st.sampled_from([1, 2, 12, 500]))),
        "likelihood": section(
            LIKELIHOODS,
            bernoulli=options(binarization=st.sampled_from(["dynamic", "static", "grey"])),
            gaussian=options(variance=st.sampled_from(["fixed", "shared", "optimal", "per_pixel"])),
        ),
        "objective": section(
            WITHOUT_DOWNLOADS,
            k=st.integers(1, 3),
            iwae=options(estimator=st.sampled_from(["standard", "stl", "dreg"])),
            elbo=options(kl=st.sampled_from(["closed_form", "drawn"])),
            dip=options(variant=st.sampled_from(["i", "ii"])),
            info=options(kernel=st.sampled_from(["imq", "rbf"])),
        ),
        "optimizer": section(OPTIMIZERS, soap=options(every=st.integers(1, 3))),
    },
    optional={
        "batch_size": st.integers(1, 14),
        "latent_dim": st.integers(1, 3),
        "hidden_dim": st.integers(1, 6),
        "epochs": st.integers(1, 2),
        "learning_rate": st.sampled_from([1e-12, 1e-3, 1.0, 1e6]),
        "lr_schedule": names(LR_SCHEDULES),
        "batch_reduction": st.sampled_from(["mean", "sum"]),
        "precision": st.sampled_from(["float32", "bfloat16"]),
        "grad_clip": st.sampled_from([0.0, 1.0]),
        "weight_decay": st.sampled_from([0.0, 0.1]),
        "beta": st.sampled_from([0.0, 1.0, 1e6]),
        "free_bits": st.sampled_from([0.0, 0.5]),
        "kl_warmup_epochs": st.sampled_from([0.0, 0.3, 5.0]),
        "augment_flip": st.sampled_from([0.0, 1.0]),
        "augment_shift": st.integers(0, 9),
        "augment_crop": st.integers(0, 9),
    },
)


def outcome(changes: dict[str, Any], images: np.ndarray, labels: np.ndarray, classes: int) -> str:
    """Returns how the stages check and train end, in one process: a message, or "trained"."""
    try:
        values = small_config(**merged(TINY, changes)).to_dict()
        params = StageParams(validated(ExperimentConfig, values).to_dict())
        train = Split(images, labels)
        names = tuple(map(str, range(classes)))
        data = SimpleNamespace(shape=images.shape[1:], classes=names, train=train, scaling=BYTES)
        torch.manual_seed(0)
        model, objective = build(params, data)
        first = training_set(model, train[: params.batch_size])
        x = observe(model, first, Draws.of_seed(0, len(first)))
        checks = pre_training_checks(model, objective, x, params.beta, params.learning_rate)
        if not checks[-1].passed:
            return f"the check '{checks[-1].name}' failed: {checks[-1].detail}"
        training = Training.start(model, objective, params, len(train))
        records = list(fit(training, training_set(model, train), evaluation_set(model, train), params))
    except VaelineError as error:
        return str(error)
    assert [record.epoch for record in records] == list(range(1, params.epochs + 1))
    assert training.step == params.epochs * math.ceil(len(images) / params.batch_size)
    assert all(math.isfinite(record.valid_elbo) for record in records)
    assert all(value.isfinite().all() for value in model.state_dict().values())
    assert model.sample(2).isfinite().all()
    return "trained"


@given(changes=COMBINATIONS, kind=names(IMAGES), n=st.integers(2, 12), classes=st.sampled_from([1, CLASSES]))
@example(
    changes={"prior": {"name": "vamp", "vamp": {"components": 1}}, "network": {"batch_norm": True}},
    kind="digits", n=8, classes=CLASSES,
)  # fmt: skip
@example(changes={"lr_schedule": "linear", "batch_size": 1, "epochs": 2}, kind="grey", n=10, classes=1)
def test_combination_is_trained_or_rejected_in_one_line(changes, kind, n, classes):
    labels = np.arange(n, dtype=np.int64) % classes
    assert "\n" not in outcome(changes, IMAGES[kind](n), labels, classes)


def test_each_part_alone_is_trained():
    """Otherwise the test above might have nothing but rejections."""
    tables = {"model": MODELS, "network": NETWORKS, "posterior": POSTERIORS, "prior": PRIORS}
    tables |= {"likelihood": LIKELIHOODS, "objective": WITHOUT_DOWNLOADS, "optimizer": OPTIMIZERS}
    for key, table in tables.items():
        for name in table:
            changes = {key: {"name": name}, "batch_size": 4, "learning_rate": 1e-2}
            assert outcome(changes, split(12).values, split(12).labels, CLASSES) == "trained", (key, name)
