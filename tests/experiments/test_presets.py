"""The presets: what they say, and that the protocol that takes too long here is the published one."""

import math

import pytest
import torch
from dvc.utils.hydra import apply_overrides

from tests.conftest import ROOT
from tests.support.small import digits, objective
from tests.support.trainings import VALID, FromFunction
from vaeline.config import ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.params import StageParams, flatten_params, nest_params
from vaeline.core.yaml import read_yaml
from vaeline.data.catalog import DATASETS
from vaeline.data.storing import store
from vaeline.experiments.clinic import cases
from vaeline.experiments.presets import preset_config, preset_names, preset_overrides
from vaeline.experiments.studies.colour import ColourStudy
from vaeline.experiments.studies.table1 import Table1Study
from vaeline.experiments.studies.zoo import ZooStudy
from vaeline.experiments.variation import varied
from vaeline.models.catalog import MODELS
from vaeline.provenance import commands
from vaeline.training.fit import fit
from vaeline.training.optimizers.adam_burda import AdamBurda
from vaeline.training.state import Training

DEFAULT = ExperimentConfig().to_dict()
# Burda et al. (2016), table 1, MNIST: (layers, k) → (VAE, IWAE).
PUBLISHED = {
    (1, 1): (86.76, 86.76), (1, 5): (86.47, 85.54), (1, 50): (86.35, 84.78),
    (2, 1): (85.33, 85.33), (2, 5): (85.01, 83.89), (2, 50): (84.78, 82.90),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _at_the_root(at_the_root):
    pass


@pytest.mark.parametrize("family", ["burda", "fast"])
@pytest.mark.parametrize(("cell", "numbers"), PUBLISHED.items())
def test_every_cell_of_the_table_has_its_preset(family, cell, numbers):
    layers, k = cell
    for bound, trained, number in zip(("vae", "iwae"), ("elbo", "iwae"), numbers, strict=True):
        config = preset_config(f"{family}-{layers}l-{bound}-k{k}")
        assert (config.objective.name, config.objective.k) == (trained, k)
        assert (config.target_nll, config.target_tolerance) == (number, 0.3)
        assert config.target_rule == {"burda": "within", "fast": "at_most"}[family]
        assert (config.iwae_k, config.select) == (5000, "last")
        widths = [tuple(w.shape) for w in weights(config) if w.dim() == 2]
        assert sorted(widths) == sorted(ARCHITECTURE[layers])


# (out, in) of every matrix: 784-200-200-50 and back; 784-200-200-100, 100-100-100-50 and back.
ARCHITECTURE = {
    1: [(200, 784), (200, 200), (50, 200), (50, 200), (200, 50), (200, 200), (784, 200)],
    2: [
        *[(200, 784), (200, 200), (100, 200), (100, 200), (100, 100), (100, 100), (50, 100), (50, 100)],
        *[(100, 50), (100, 100), (100, 100), (100, 100), (200, 100), (200, 200), (784, 200)],
    ],
}


def weights(config):
    return MODELS.build(config.model, config=config, event_shape=(1, 28, 28)).parameters()


def test_every_preset_belongs_to_a_study_or_to_the_clinic():
    members = [
        study.prefix + name
        for study in (Table1Study(), ZooStudy(), ColourStudy())
        for name in study.members()
    ]
    members += [name for name in preset_names() if name.startswith("dsprites-")]
    members += [cases.CASE_PREFIX + name for name in cases.case_names()]
    assert sorted(members) == sorted(preset_names())
    assert len([name for name in preset_names() if name.startswith(("burda-", "fast-"))]) == 24


@pytest.mark.parametrize(
    "name", [name for name in preset_names(ROOT / "presets") if name.startswith("dsprites-")]
)
def test_dsprites_presets_are_the_published_setting(name):
    """Locatello et al. (2019), table 2: the whole grid, 10 latents, batches of 64, 300,000 steps at 1e-4."""
    config = preset_config(name).to_dict()
    dataset = DATASETS.build(config["data"], raw=None)
    assert math.prod(dataset.factors.values()) == 737_280
    assert dataset.options.sprites.side == 64
    assert (config["latent_dim"], config["batch_size"], config["learning_rate"]) == (10, 64, 1e-4)
    assert 300_000 <= config["epochs"] * math.ceil(dataset.train_size / 64) < 310_000


MADE_HERE = ("digits", "photo_patches", "sprites")  # their images need no download


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in preset_names(ROOT / "presets")
        if preset_overrides(name, ROOT / "presets").get("data.name") in MADE_HERE
        and not name.startswith("dsprites-")  # of 737,280 images, and with the default sizes
    ],
)
def test_sizes_of_a_preset_fit_its_data(name, tmp_path):
    prepared = store(DATASETS.build(preset_config(name).to_dict()["data"], raw=None), tmp_path)
    assert all(len(split) >= 30 for split in (prepared.train, prepared.valid, prepared.test))


def test_burda_presets_are_the_protocol_of_the_authors_code():
    """Read in their code; the presets name it."""
    config = preset_config("burda-1l-vae-k1")
    assert (config.data.split, config.data.train_size, config.data.valid_size) == ("tail", 59_600, 400)
    assert (config.batch_size, config.batch_reduction, config.shuffle) == (20, "sum", False)
    assert config.likelihood.bernoulli.binarization == "dynamic"
    assert (config.optimizer.name, config.lr_schedule, config.learning_rate) == ("adam_burda", "burda", 1e-3)
    assert config.optimizer.adam_burda.model_dump() == {"beta1": 0.99, "beta2": 0.999, "eps": 1e-4}
    assert config.epochs == sum(3**i for i in range(8)) == 3280
    assert (config.network.activation, config.network.init) == ("tanh", "burda")
    assert config.network.output_bias == "data_mean"
    assert (config.posterior.diagonal.head, config.posterior.diagonal.init) == ("log_std", "burda")
    assert config.posterior.diagonal.log_var_bias == 0.0
    assert config.objective.elbo.kl == "drawn"


@pytest.mark.parametrize("name", ["burda-1l-vae-k1", "burda-1l-iwae-k5", "burda-2l-iwae-k5"])
def test_burda_schedule_trains_on_digits(name):
    """Three stages and the first epoch of the fourth, with every part of the protocol but the data."""
    config = varied(DEFAULT, preset_overrides(name) | {"epochs": 14})
    batches = []
    params = StageParams(config.to_dict())
    torch.manual_seed(params.seed)
    model = MODELS.build(params.model, config=params, event_shape=(1, 8, 8), classes=10)
    real = objective(params, images=60)

    def watching(model, x, beta, noise):
        batches.append(x)
        return real(model, x, beta, noise)

    images = digits(60)
    training = Training.start(model, FromFunction(watching), params, len(images))
    assert isinstance(training.optimizer, AdamBurda)
    records = list(fit(training, images, VALID, params))
    rates = [1e-3] + [7.2e-4] * 3 + [5.2e-4] * 9 + [3.7e-4]
    assert [record.learning_rate for record in records] == pytest.approx(rates)
    assert len(batches) == 14 * 3
    assert {len(x) for x in batches} == {20}
    # A black or white pixel is binarized to itself: the order of the images shows in these pixels.
    certain = (images == 0) | (images == 255)
    for epoch in range(14):
        of_epoch = torch.cat(batches[3 * epoch : 3 * epoch + 3])
        assert torch.equal(of_epoch[certain], images[certain] / 255)
    assert not torch.equal(batches[0], batches[3])
    assert records[-1].valid_elbo > records[0].valid_elbo + 1


def test_preset_overrides_what_it_extends(tmp_path):
    (tmp_path / "base.yaml").write_text("beta: 2.0\nepochs: 7\nprior: {name: standard_normal}\n")
    (tmp_path / "other.yaml").write_text("epochs: 8\nseed: 1\n")
    (tmp_path / "mine.yaml").write_text("extends: [base, other]\nseed: 3\n")
    assert preset_overrides("mine", tmp_path) == {
        "beta": 2.0, "epochs": 8, "seed": 3, "prior.name": "standard_normal",
    }  # fmt: skip
    assert preset_config("mine", tmp_path) == varied(DEFAULT, {"beta": 2.0, "epochs": 8, "seed": 3})
    assert preset_names(tmp_path) == ["mine"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("bta: 2.0\n", "unknown key 'bta' (did you mean 'beta'?)"),
        ("beta: -1.0\n", "beta = -1.0 is not allowed"),
        ("beta: {max: 2.0}\n", "unknown key 'beta.max'"),
        ("extends: nothing\n", "no preset 'nothing'"),
        ("extends: wrong\n", "wrong.yaml: extends itself, by way of wrong"),
        (
            "extends: [{a: 1}]\n",
            "wrong.yaml: extends = {'a': 1} is not allowed: should be the name",
        ),
        ("extends: 7\n", "wrong.yaml: extends = 7 is not allowed"),
    ],
)
def test_wrong_preset_is_one_line(content, message, tmp_path):
    (tmp_path / "wrong.yaml").write_text(content)
    with pytest.raises(VaelineError) as caught:
        preset_overrides("wrong", tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


NO_NAMES = ["../params", "../presets/zoo", "./zoo", "/etc/zoo", "*", "zoo*", "", "a/../zoo", "\0"]


@pytest.mark.parametrize("name", NO_NAMES)
def test_only_a_file_of_the_directory_is_a_preset(name, tmp_path):
    presets = tmp_path / "presets"
    presets.mkdir()
    for path in (tmp_path / "params.yaml", presets / "zoo.yaml"):
        path.write_text("beta: 2.0\n")
    with pytest.raises(VaelineError, match=r"^no preset "):
        preset_overrides(name, presets)


def test_presets_are_read_in_the_root_alone(tmp_path):
    with pytest.raises(VaelineError, match="no such directory; run from the repository's root"):
        preset_names(tmp_path / "presets")


def test_nesting_undoes_flattening():
    assert nest_params(flatten_params(DEFAULT)) == DEFAULT


@pytest.mark.parametrize(
    "value", ["Kingma & Welling (2014), equation 8", "the guide's net", "a\\b", "", "a-b", 2.5]
)
def test_dvc_reads_the_values_that_a_preset_sets(value, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("notes: before\n")
    apply_overrides(path, [f"notes={commands.override_value(value)}"])
    assert read_yaml(path)["notes"] == value
