"""Every remedy is one that the training can take: over every row of every table of parts."""

import pytest
import torch

from tests.support import small
from tests.support.small import CLASSES, SHAPE, SMALL, merged, objective, shown_to
from vaeline.config import TABLES, ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.params import StageParams, flatten_params
from vaeline.diagnosis import remedies
from vaeline.diagnosis.detectors import DETECTORS
from vaeline.experiments import find
from vaeline.models.catalog import MODELS
from vaeline.training.objectives.catalog import OBJECTIVES

ILL = {"unused_units": 0, "crowding": 4.0, "late_gain": 0.02, "best_epoch": 7, "binary_share": 0.9}
HEALTHY = ILL | {"unused_units": 2, "binary_share": 0.1}
ROWS = [{table.section: {"name": name}} for table in TABLES for name in table]
WEIGHTS = {"objective": {"name": "perceptual"}}  # VGG's, which are not everywhere
SPOILT = [
    {},
    {"beta": 4.0},
    {"beta": 0.0},
    {"learning_rate": 0.1, "grad_clip": 5.0, "posterior": {"diagonal": {"log_var_max": 80.0}}},
    {"learning_rate": 1e-5},
    {"free_bits": 0.5, "kl_warmup_epochs": 20.0},
    {"kl_warmup_epochs": 7.0, "kl_schedule": "cyclical"},
    {"latent_dim": 2, "epochs": 1},
    {"augment_shift": 1, "likelihood": {"bernoulli": {"binarization": "static"}}},
    {"augment_shift": 1, "kl_warmup_epochs": 7.0, "kl_schedule": "cyclical", "free_bits": 0.5},
    {"prior": {"name": "flow"}},
]


def configured(*changes) -> dict:
    values = ExperimentConfig().to_dict()
    for change in changes:
        values = merged(values, change)
    return ExperimentConfig.model_validate(values).to_dict()


def loss_of(config) -> torch.Tensor:
    """Returns what the first step of a training of small networks sees."""
    params = StageParams(
        merged(config, {k: v for k, v in SMALL.items() if k not in ("latent_dim", "epochs")})
    )
    torch.manual_seed(0)
    model = MODELS.build(params.model, config=params, event_shape=SHAPE, classes=CLASSES)
    return objective(params)(model, shown_to(model, 6), params.beta).loss


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(f"{k}={v['name']}" for k, v in row.items()))
def test_a_remedy_is_a_change_that_params_take(row):
    seen = 0
    for spoilt in SPOILT:
        try:
            config = configured(spoilt, row)
        except ValueError:  # a row of the table that does not go with the failure
            continue
        for changes in distinct(config):
            cured = find.varied(config, changes).to_dict()
            assert flatten_params(cured) != flatten_params(config), (spoilt, changes)
            seen += 1
    assert seen > 5


def distinct(config) -> list[dict]:
    """Returns what the detectors' remedies change, each once."""
    found = [detector.remedy(config, metrics) for detector in DETECTORS for metrics in (ILL, HEALTHY)]
    assert all(remedy.cause for remedy in found)
    return list({str(remedy.changes): dict(remedy.changes) for remedy in found}.values())


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.keys() & {"model", "objective", "prior"} and row != WEIGHTS], ids=str
)
def test_a_cured_training_makes_its_first_step(row):
    """What one part takes another may refuse, and then the printed command would fail."""
    for spoilt in ({}, {"beta": 0.0}, {"latent_dim": 2}):
        config = configured(spoilt, row)
        assert torch.isfinite(loss_of(config))
        for changes in distinct(config):
            assert torch.isfinite(loss_of(find.varied(config, changes).to_dict())), changes


def test_a_training_that_was_best_at_its_end_is_shortened_all_the_same():
    config = configured({"augment_shift": 1, "epochs": 30})
    assert remedies.shorter(config, {"best_epoch": 30}).changes == {"epochs": 29}
    assert remedies.shorter(config, {"best_epoch": 12}).changes == {"epochs": 12}


@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if name != "perceptual"])
def test_free_bits_are_for_objectives_that_can_leave_a_part_of_the_kl_free(objective):
    config = configured({"objective": {"name": objective}})
    changes = remedies.warm_up(config, {}).changes
    assert changes["kl_warmup_epochs"] == 10
    bits = config | {"free_bits": 0.25}
    try:
        small.objective(StageParams(bits))
    except VaelineError:
        assert "free_bits" not in changes
    else:
        assert changes["free_bits"] == 0.25


@pytest.mark.parametrize(("gain", "times"), [(0.0051, 5), (0.01, 8), (0.2, 10)])
def test_the_larger_the_gain_the_longer_the_training(gain, times):
    changes = remedies.longer(configured({"epochs": 3}), {"late_gain": gain}).changes
    assert changes == {"epochs": 3 * times}


@pytest.mark.parametrize(("share", "changes"), [(0.9, {"likelihood.name": "bernoulli"}), (0.7, None)])
def test_a_gaussian_is_for_pixels_that_are_grey(share, changes):
    config = configured({"likelihood": {"name": "gaussian"}})
    remedy = remedies.binary_pixels(config, {"binary_share": share})
    assert (remedy and remedy.changes) == changes
    assert remedies.binary_pixels(configured({}), {"binary_share": 1.0}) is None


def test_dimensions_are_added_where_all_are_in_use():
    config = configured({"latent_dim": 2})
    assert remedies.more_latents(config, ILL).changes == {"latent_dim": 20}
    assert remedies.more_latents(config, HEALTHY) is None
    assert remedies.more_latents(configured({}), ILL) is None


def test_the_first_rule_whose_cause_is_there_is_taken():
    """β alone, σ alone, the learning rate alone; where nothing of it is there, the last."""
    collapse = next(d.remedy for d in DETECTORS if d.name == "posterior_collapse")
    gaussian = {"likelihood": {"name": "gaussian", "gaussian": {"variance": "fixed", "scale": 3.0}}}
    for spoilt, changes in (
        ({"beta": 100.0, **gaussian}, {"beta": 1.0}),
        (gaussian, {"likelihood.gaussian.variance": "shared", "likelihood.gaussian.scale": 0.1}),
        ({"learning_rate": 0.1}, {"learning_rate": 0.001, "grad_clip": 1.0}),
        ({"learning_rate": 0.1, "grad_clip": 5.0}, {"learning_rate": 0.001}),
        ({}, {"kl_warmup_epochs": 10, "free_bits": 0.25}),
    ):
        assert collapse(configured(spoilt), ILL).changes == changes
