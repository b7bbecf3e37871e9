"""What is rejected before anything is trained: batches and pseudo-inputs that BatchNorm cannot normalise."""

import re
from types import SimpleNamespace

import pytest
import torch

from tests.support.small import CLASSES, SHAPE, config, digits, split
from tests.support.trainings import STEPS
from vaeline.core.errors import VaelineError
from vaeline.core.scaling import BYTES
from vaeline.training.build import build
from vaeline.training.fit import fit
from vaeline.training.objectives.catalog import OBJECTIVES
from vaeline.training.state import Training

N = 11
WHOLE_BATCH = [name for name in OBJECTIVES if not OBJECTIVES[name].per_example]


def data(n: int = N) -> SimpleNamespace:
    return SimpleNamespace(
        shape=SHAPE, classes=tuple(map(str, range(CLASSES))), train=split(n), scaling=BYTES
    )


def lone_image(n: int, batch_size: int) -> bool:
    return 1 in map(len, torch.arange(n).split(batch_size))


@pytest.mark.parametrize(
    "changes",
    [{"network": {"name": name, "batch_norm": True}} for name in ("mlp", "conv", "residual")]
    + [{"objective": {"name": name}} for name in WHOLE_BATCH],
    ids=["mlp", "conv", "residual", *WHOLE_BATCH],
)
@pytest.mark.parametrize("n", [2, 10, N])
def test_batch_size_is_rejected_exactly_if_a_batch_has_one_image(changes, n):
    for batch_size in range(1, n + 3):
        if not lone_image(n, batch_size):
            build(config(batch_size=batch_size, **changes), data(n))
            continue
        with pytest.raises(
            VaelineError, match=f"^batch_size = {batch_size} leaves a batch with one of {n}"
        ) as e:
            build(config(batch_size=batch_size, **changes), data(n))
        (advised,) = re.findall(r"`dvc exp run -S batch_size=(\d+)`", str(e.value))
        build(config(batch_size=int(advised), **changes), data(n))


def test_without_batch_norm_a_batch_of_one_image_is_trained():
    params = config(batch_size=5, epochs=1)
    model, objective = build(params, data())
    (record,) = fit(Training.start(model, objective, params, N), digits(N), digits(20), params)
    assert record.step == STEPS
    assert record.skipped_updates == 0


@pytest.mark.parametrize("model", ["vae", "two_layer", "ladder", "conditional"])
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_one_pseudo_input_is_rejected_with_batch_norm_and_two_are_trained(model, network):
    def chosen(components: int, batch_norm: bool = True):
        prior = {"name": "vamp", "vamp": {"components": components}}
        return config(
            batch_size=4,
            epochs=1,
            prior=prior,
            model={"name": model},
            network={"name": network, "batch_norm": batch_norm},
        )

    with pytest.raises(VaelineError, match=r"^prior\.vamp\.components = 1 .* -S prior\.vamp\.components=2`$"):
        build(chosen(1), data())
    build(chosen(1, batch_norm=False), data())
    built, _ = build(chosen(2), data())
    assert len(built.prior.inputs) == 2
