"""Several trainings of a preset, as their records in the repository have them."""

import pytest
import torch

from tests.support.records import summary
from vaeline.core.errors import VaelineError
from vaeline.evaluation.per_image import write_bounds
from vaeline.experiments import records
from vaeline.experiments.presets import preset_overrides
from vaeline.experiments.records import bounds_path, preset_record, record_name, seeded
from vaeline.experiments.trainings import recorded_trainings

NAME = "fast-1l-vae-k5"


@pytest.fixture(autouse=True)
def _own_records(at_the_root, monkeypatch, tmp_path):
    monkeypatch.setattr(records, "RECORDS", tmp_path)


def record(seed=None, **overrides):
    return preset_record(NAME, seeded(preset_overrides(NAME), seed) | overrides, summary(NAME))


def test_trainings_are_in_the_order_of_their_seeds_with_their_bounds():
    write_bounds(bounds_path(NAME, 43), torch.tensor([-86.0, -87.0]))
    named = {record_name(NAME, seed): record(seed) for seed in (100, 43, None)}
    others = {"fast-1l-vae-k50": record(), f"{NAME}-seed-x": record()}
    own, second, third = recorded_trainings(NAME, named | others)
    assert (own.record, second.record, third.record) == tuple(
        named[record_name(NAME, s)] for s in (None, 43, 100)
    )
    assert own.bounds is third.bounds is None
    assert second.bounds.tolist() == [-86.0, -87.0]
    assert (second.nll, recorded_trainings(NAME, {})) == (86.5, [])


def test_bounds_of_another_training_are_refused():
    write_bounds(bounds_path(NAME, 43), torch.tensor([-86.0, -87.01]))
    with pytest.raises(VaelineError, match=rf"not of the training in .*: vaeline preset {NAME} --seed 43$"):
        recorded_trainings(NAME, {record_name(NAME, 43): record(43)})


@pytest.mark.parametrize(("seed", "again"), [(None, ""), (43, " --seed 43")])
def test_record_of_another_protocol_is_refused(seed, again):
    with pytest.raises(
        VaelineError, match=rf"before presets/{NAME}\.yaml changed: vaeline preset {NAME}{again}$"
    ):
        recorded_trainings(NAME, {record_name(NAME, seed): record(seed, epochs=3)})
