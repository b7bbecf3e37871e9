"""Every remedy can be applied, whatever parts the training is made of."""

import itertools
import math

import pytest
import torch

from tests.support import small
from tests.support.small import CLASSES, SHAPE, SMALL, merged, objective, shown_to
from vaeline.config import TABLES, ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.params import StageParams, flatten_params, nest_params
from vaeline.diagnosis import remedies
from vaeline.diagnosis.detectors import DETECTORS
from vaeline.experiments.variation import varied
from vaeline.models.catalog import FLAT_SIZES, MODELS, read_params
from vaeline.training.objectives.catalog import OBJECTIVES

MEASURES = {
    "unused_units": 0, "crowding": 4.0, "late_gain": 0.02, "best_epoch": 7, "binary_share": 0.9,
    "kl": 13.5, "latent_dims": 20, "image_information": 7.0, "active_units": 5,
}  # fmt: skip
HARMLESS = MEASURES | {"unused_units": 2, "binary_share": 0.1}
ROWS = [{table.section: {"name": name}} for table in TABLES for name in table]
NEEDS_WEIGHTS = {"objective": {"name": "perceptual"}}  # of VGG, which may be missing
CHANGED = [
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
    {"patience": 3},
]


def configured(*changes) -> dict:
    values = ExperimentConfig().to_dict()
    for change in changes:
        values = merged(values, change)
    return ExperimentConfig.model_validate(values).to_dict()


def loss_of(config) -> torch.Tensor:
    """Returns the loss of the first step of a training with small networks."""
    params = StageParams(
        merged(config, {k: v for k, v in SMALL.items() if k not in ("latent_dim", "epochs")})
    )
    torch.manual_seed(0)
    model = MODELS.build(params.model, config=params, event_shape=SHAPE, classes=CLASSES)
    return objective(params)(model, shown_to(model, 6), params.beta).loss


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(f"{k}={v['name']}" for k, v in row.items()))
def test_remedy_gives_valid_params_that_differ(row):
    remedied = 0
    for changed in CHANGED:
        try:
            config = configured(changed, row)
        except ValueError:  # this part does not take these params
            continue
        for changes in distinct(config):
            cured = varied(config, changes).to_dict()
            assert flatten_params(cured) != flatten_params(config), (changed, changes)
            remedied += 1
    assert remedied > 5


def distinct(config) -> list[dict]:
    """Returns the changes of all detectors' remedies, without duplicates."""
    remedies = [
        detector.remedy(config, metrics) for detector in DETECTORS for metrics in (MEASURES, HARMLESS)
    ]
    assert all(remedy.cause for remedy in remedies)
    return list({str(remedy.changes): dict(remedy.changes) for remedy in remedies}.values())


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row.keys() & {"model", "objective", "prior"} and row != NEEDS_WEIGHTS],
    ids=str,
)
def test_training_with_remedy_makes_its_first_step(row):
    """A part may reject what another takes, and then the printed command would fail."""
    for changed in ({}, {"beta": 0.0}, {"latent_dim": 2}):
        config = configured(changed, row)
        assert torch.isfinite(loss_of(config))
        for changes in distinct(config):
            assert torch.isfinite(loss_of(varied(config, changes).to_dict())), changes


OF_TRAINING = [table for table in TABLES if table.section not in ("data", "optimizer")]
PAIRS = [
    {f"{one.section}.name": a, f"{other.section}.name": b}
    for one, other in itertools.combinations(OF_TRAINING, 2)
    for a, b in itertools.product(one, other)
]


def test_every_remedy_names_params_that_the_chosen_parts_read():
    """Over all pairs of parts, also those that a training would refuse."""
    bases = [flatten_params(configured(changed)) for changed in (CHANGED[3], *CHANGED[1::3])]
    sections = {table.section for table in TABLES}
    remedied = set()
    for chosen in PAIRS:
        configs = [nest_params(base | chosen) for base in bases]
        read = read_params(configs[0], [OBJECTIVES])
        for changes in (changes for config in configs for changes in distinct(config)):
            options = {".".join(key.split(".")[:2]) for key in changes if key.partition(".")[0] in sections}
            others = {key: value for key, value in changes.items() if key.endswith(".name")}
            then = read_params(nest_params(bases[0] | chosen | others), [OBJECTIVES]) if others else read
            assert options <= then, (chosen, changes)
            assert changes.keys() & FLAT_SIZES.keys() <= read, (chosen, changes)
            remedied |= changes.keys()
    assert remedied > {"hidden_dim", "network.conv.channels", "network.residual.channels", "latent_dim"}


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("mlp", {"hidden_dim": 800}),
        ("conv", {"network.conv.channels": 64}),
        ("residual", {"network.residual.channels": 64}),
    ],
)
def test_networks_are_enlarged_by_what_makes_them_large(name, changes):
    remedy = remedies.larger_networks(configured({"network": {"name": name}, "epochs": 10}), {})
    assert remedy.changes == changes | {"epochs": 20}
    sizes = [
        sum(p.numel() for p in small.vae((3, 32, 32), **nest_params(c)).parameters())
        for c in ({"network.name": name}, {"network.name": name, **changes})
    ]
    assert sizes[1] > 1.5 * sizes[0]


def test_training_that_was_best_at_its_end_is_shortened_by_an_epoch():
    config = configured({"augment_shift": 1, "epochs": 30})
    assert remedies.shorter(config, {"best_epoch": 30}).changes == {"epochs": 29}
    assert remedies.shorter(config, {"best_epoch": 12}).changes == {"epochs": 12}


def test_training_that_was_stopped_early_and_still_improved_needs_patience_not_epochs():
    metrics = {"best_epoch": 12, "late_gain": 0.02}
    (underfitting,) = (detector for detector in DETECTORS if detector.name == "underfitting")
    remedy = underfitting.remedy(configured({"patience": 3, "epochs": 30}), metrics)
    assert remedy.changes == {"patience": 6}
    assert "ended it after 15 of 30 epochs" in remedy.cause
    to_the_end = configured({"patience": 3, "epochs": 15})
    assert "epochs" in underfitting.remedy(to_the_end, metrics).changes
    assert "12 of 15" in remedies.shorter(configured({"patience": 3, "epochs": 30}), metrics).cause


@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if name != "perceptual"])
def test_free_bits_are_for_objectives_that_accept_them(objective):
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


@pytest.mark.parametrize(("rate", "changes"), [(13.5, {"free_bits": 0.0}), (353.8, {"prior.name": "flow"})])
def test_free_bits_are_blamed_for_holes_only_if_they_are_most_of_the_rate(rate, changes):
    """Elsewhere they may be what keeps z in use: taken away, the posterior would collapse again."""
    (holes,) = (detector for detector in DETECTORS if detector.name == "holes")
    config = configured({"free_bits": 0.5})
    assert holes.remedy(config, MEASURES | {"kl": rate}).changes == changes


@pytest.mark.parametrize(("gain", "times"), [(0.0051, 5), (0.01, 8), (0.2, 10)])
def test_larger_late_gain_gives_more_epochs(gain, times):
    changes = remedies.longer(configured({"epochs": 3}), {"late_gain": gain}).changes
    assert changes == {"epochs": 3 * times}


@pytest.mark.parametrize(("share", "changes"), [(0.9, {"likelihood.name": "bernoulli"}), (0.7, None)])
def test_gaussian_is_replaced_for_binary_pixels(share, changes):
    config = configured({"likelihood": {"name": "gaussian"}})
    remedy = remedies.binary_pixels(config, {"binary_share": share})
    assert (remedy and remedy.changes) == changes
    assert remedies.binary_pixels(configured({}), {"binary_share": 1.0}) is None


def test_dimensions_are_added_if_all_are_in_use():
    config = configured({"latent_dim": 2})
    assert remedies.more_latents(config, MEASURES).changes == {"latent_dim": 20}
    assert remedies.more_latents(config, HARMLESS) is None
    assert remedies.more_latents(configured({}), MEASURES) is None


@pytest.mark.parametrize("now", [1.0, 0.5])
def test_beta_brings_the_rate_of_a_linear_model_below_log_n(now):
    """The rate of five units of variance λ is 5/2 · ln(λ/βσ²); one digit of β is right within a third."""
    information, units, ratio = 7.0, 5, math.exp(5.4)

    def rate(beta):
        return units / 2 * math.log(ratio / beta)

    measures = {"kl": rate(now), "image_information": information, "active_units": units}
    remedy = remedies.less_rate(configured({"beta": now}), measures)
    expected = remedies.RATE_SHARE * information
    assert rate(remedy.changes["beta"]) == pytest.approx(expected, abs=units / 2 * math.log(4 / 3))
    assert rate(remedy.changes["beta"]) < information


def test_beta_is_raised_at_least_to_twice_its_value():
    just_above = {"kl": 7.1, "image_information": 7.0, "active_units": 20}
    assert remedies.less_rate(configured({"beta": 3.0}), just_above).changes == {"beta": 6.0}


def test_first_rule_that_applies_is_taken():
    """β, then σ, then the learning rate; if none of them is the cause, the last rule."""
    collapse = next(d.remedy for d in DETECTORS if d.name == "posterior_collapse")
    gaussian = {"likelihood": {"name": "gaussian", "gaussian": {"variance": "fixed", "scale": 3.0}}}
    for changed, changes in (
        ({"beta": 100.0, **gaussian}, {"beta": 1.0}),
        (gaussian, {"likelihood.gaussian.variance": "shared", "likelihood.gaussian.scale": 0.1}),
        ({"learning_rate": 0.1}, {"learning_rate": 0.001, "grad_clip": 1.0}),
        ({"learning_rate": 0.1, "grad_clip": 5.0}, {"learning_rate": 0.001}),
        ({}, {"kl_warmup_epochs": 10, "free_bits": 0.25}),
    ):
        assert collapse(configured(changed), MEASURES).changes == changes


def test_sigma_starts_at_that_of_pixels_for_images_alone():
    """Columns of a table are standardised: 0.1 is no scale of theirs."""
    wide = configured({"likelihood": {"name": "gaussian", "gaussian": {"variance": "fixed", "scale": 3.0}}})
    learned = {"likelihood.gaussian.variance": "shared"}
    of_pixels = learned | {"likelihood.gaussian.scale": remedies.PIXEL_SCALE}
    for measured, changes in (({}, learned), ({"binary_share": 0.2}, of_pixels)):
        assert getattr(remedies.learned_variance(wide, measured), "changes", None) == changes
