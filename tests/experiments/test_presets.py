"""The presets: what they say, and that the protocol which takes too long here is the published one."""

import contextlib
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from dvc.utils.hydra import apply_overrides

from tests.conftest import ROOT
from tests.support.small import digits, objective
from tests.support.trainings import VALID
from vaeline.core.errors import VaelineError
from vaeline.core.params import StageParams, flatten_params, nest_params, read_yaml
from vaeline.experiments import launch, presets
from vaeline.experiments.clinic import cases
from vaeline.experiments.studies import sprites, table1, zoo
from vaeline.models.catalog import MODELS
from vaeline.provenance import commands
from vaeline.training.fit import fit
from vaeline.training.optimizers.adam_burda import AdamBurda
from vaeline.training.state import Training

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
        config = presets.config(presets.preset_overrides(f"{family}-{layers}l-{bound}-k{k}"))
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


def test_there_are_no_others_than_the_table_shows():
    shown = table1.cells(presets.preset_names()) + [zoo.PREFIX + name for name in zoo.names()]
    shown += [sprites.PREFIX + name for name in sprites.names()]
    shown += [cases.PREFIX + name for name in cases.names()]
    assert sorted(shown) == sorted(presets.preset_names())
    assert len([name for name in presets.preset_names() if name.startswith(("burda-", "fast-"))]) == 24


def test_the_authors_protocol_is_theirs():
    """As read in their code, see references in the presets."""
    config = presets.config(presets.preset_overrides("burda-1l-vae-k1"))
    assert (config.data.split, config.data.train_size, config.data.valid_size) == ("tail", 59_600, 400)
    assert (config.batch_size, config.batch_reduction, config.shuffle) == (20, "sum", False)
    assert config.likelihood.bernoulli.binarization == "dynamic"
    assert (config.optimizer.name, config.lr_schedule, config.learning_rate) == ("adam_burda", "burda", 1e-3)
    assert config.optimizer.adam_burda.model_dump() == {"beta1": 0.99, "beta2": 0.999, "eps": 1e-4}
    assert config.epochs == sum(3**i for i in range(8)) == 3280
    assert (config.network.activation, config.network.init) == ("tanh", "vae")
    assert config.network.output_bias == "data_mean"
    assert config.objective.elbo.kl == "drawn"


@pytest.mark.parametrize("name", ["burda-1l-vae-k1", "burda-1l-iwae-k5", "burda-2l-iwae-k5"])
def test_the_authors_schedule_runs_on_digits(name):
    """Three stages and the first epoch of the fourth, with every part of the protocol but the data."""
    config = presets.config(presets.preset_overrides(name) | {"epochs": 14})
    seen = []
    params = StageParams(config.to_dict())
    torch.manual_seed(params.seed)
    model = MODELS.build(params.model, config=params, event_shape=(1, 8, 8), classes=10)
    real = objective(params, images=60)

    def watching(model, x, beta):
        seen.append(x)
        return real(model, x, beta)

    images = digits(60)
    training = Training.start(model, watching, params, len(images))
    assert isinstance(training.optimizer, AdamBurda)
    records = list(fit(training, images, VALID, params))
    rates = [1e-3] + [7.2e-4] * 3 + [5.2e-4] * 9 + [3.7e-4]
    assert [record.learning_rate for record in records] == pytest.approx(rates)
    assert len(seen) == 14 * 3
    assert {len(x) for x in seen} == {20}
    # Where a pixel is black or white its binarization is certain: the order shows in it.
    certain = (images == 0) | (images == 255)
    for epoch in range(14):
        shown = torch.cat(seen[3 * epoch : 3 * epoch + 3])
        assert torch.equal(shown[certain], images[certain] / 255)
    assert not torch.equal(seen[0], seen[3])
    assert records[-1].valid_elbo > records[0].valid_elbo + 1


def test_what_a_preset_extends_comes_first(tmp_path):
    (tmp_path / "base.yaml").write_text("beta: 2.0\nepochs: 7\nprior: {name: standard_normal}\n")
    (tmp_path / "other.yaml").write_text("epochs: 8\nseed: 1\n")
    (tmp_path / "mine.yaml").write_text("extends: [base, other]\nseed: 3\n")
    assert presets.preset_overrides("mine", tmp_path) == {
        "beta": 2.0, "epochs": 8, "seed": 3, "prior.name": "standard_normal",
    }  # fmt: skip
    assert presets.preset_names(tmp_path) == ["mine"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("bta: 2.0\n", "unknown key 'bta' (did you mean 'beta'?)"),
        ("beta: -1.0\n", "beta = -1.0 is not allowed"),
        ("beta: {max: 2.0}\n", "unknown key 'beta.max'"),
        ("extends: nothing\n", "no preset 'nothing'"),
    ],
)
def test_a_wrong_preset_is_one_line(content, said, tmp_path):
    (tmp_path / "wrong.yaml").write_text(content)
    with pytest.raises(VaelineError) as caught:
        presets.preset_overrides("wrong", tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nested_undoes_flat():
    values = presets.config({}).to_dict()
    assert nest_params(flatten_params(values)) == values


@pytest.fixture
def standing_in(monkeypatch, tmp_path):
    """Puts a process that ends with a status, and a log that it left, in place of DVC."""

    def stand_in(status, log=""):
        @contextlib.contextmanager
        def started(settings, name):
            launch.log_path(name).write_text(log)
            yield subprocess.Popen([sys.executable, "-c", f"raise SystemExit({status})"])

        monkeypatch.setattr(presets, "started", started)

    monkeypatch.setattr(launch, "LOGS", tmp_path)
    monkeypatch.setattr(presets, "unsaved_sources", lambda *_: [])
    monkeypatch.setattr(presets.subprocess, "run", lambda *_, **__: None)
    monkeypatch.setattr(launch.signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["presets", "fast-1l-vae-k1"])
    return stand_in


def test_an_unknown_preset_names_those_that_there_are(standing_in, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["presets", "fastest"])
    with pytest.raises(SystemExit, match=r"preset: no preset 'fastest': .*fast-1l-vae-k1"):
        presets.main()


def test_a_preset_that_fails_says_why_where_to_read_on_and_how_to_go_on(standing_in):
    standing_in(1, log="train: 9 updates were NaN\nERROR: failed to reproduce 'train'\n")
    with pytest.raises(SystemExit, match=r"failed: train: 9 updates were NaN .*; the same command goes on"):
        presets.main()


def test_a_preset_that_is_stopped_says_how_to_go_on(standing_in, monkeypatch):
    def stopped(process, name, shown):
        process.wait()
        raise KeyboardInterrupt

    standing_in(0)
    monkeypatch.setattr(presets, "watch", stopped)
    with pytest.raises(SystemExit, match="preset: stopped; the same command goes on where it stood"):
        presets.main()


def summary(name, **metrics):
    return {
        "metrics": {
            "evaluate/nll": 86.5, "evaluate/nll_se": 0.2, "evaluate/elbo": -90.0, "evaluate/elbo_se": 0.2,
            "evaluate/ess": 30.0, "evaluate/train_active_units": 21, "evaluate/verdict": "pass",
            "evaluate/train_active_units_by_layer": "16+5", "evaluate/target_nll": 86.76,
            "evaluate/nll_minus_target": -0.26, "prepare/train_sha256": "ab", "train/epochs": 500,
        } | metrics,
        "params": presets.config(presets.preset_overrides(name)).to_dict(),
        "training": {"run_id": "1", "seconds": 5400.0, "git.commit": "c"},
        "evaluation": {"git.commit": "d"},
    }  # fmt: skip


def test_a_record_becomes_its_row():
    name = "fast-1l-vae-k1"
    record = presets.record(name, presets.preset_overrides(name), summary(name))
    assert json.loads(json.dumps(record)) == record
    assert (record["data"], record["training"]) == ({"train_sha256": "ab"}, {"git.commit": "c"})
    assert table1.row(name, record) == {
        "preset": name, "published": 86.76, "nll": 86.5, "nll_se": 0.2, "active_units": "16+5", "epochs": 500,
        "seconds": 5400.0, "verdict": "pass",
    }  # fmt: skip
    text = table1.markdown([table1.row(name, record)], "Title", "Caption.")
    assert f"| {name} | 86.76 | 86.50 ± 0.20 | 16+5 | 500 | 1 h 30 min | pass |" in text


def test_a_cell_without_a_record_was_not_run():
    row = table1.row("burda-1l-vae-k1", None)
    assert row.pop("preset") == "burda-1l-vae-k1"
    assert row.pop("published") == 86.76
    assert row.pop("verdict") == "not run"
    assert set(row.values()) == {None}


def test_a_record_of_another_protocol_is_not_shown():
    name = "fast-1l-vae-k1"
    record = presets.record(name, presets.preset_overrides(name) | {"epochs": 3}, summary(name))
    with pytest.raises(VaelineError, match=r"another presets/fast-1l-vae-k1\.yaml: run it again"):
        table1.row(name, record)


def test_the_committed_table_is_what_the_committed_records_say():
    rows = [table1.row(name, presets.recorded().get(name)) for name in table1.cells(presets.preset_names())]
    assert json.loads(Path("docs/results/table1.json").read_text()) == rows


@pytest.mark.parametrize(
    "path", sorted((ROOT / "docs" / "results" / "records").glob("*.json")), ids=lambda p: p.stem
)
def test_a_committed_record_is_whole(path):
    record = json.loads(path.read_text())
    assert record["preset"] == path.stem
    assert record["training"]["git.dirty"] == "false"
    assert len(record["training"]["git.commit"]) == 40
    assert all(len(digest) == 64 for digest in record["data"].values())
    assert len(record["data"]) == 3
    assert math.isfinite(record["results"]["nll"])
    flattened = flatten_params(record["params"])
    assert {key: flattened[key] for key in record["overrides"]} == record["overrides"]


@pytest.mark.parametrize(
    "value", ["Kingma & Welling (2014), equation 8", "the guide's net", "a\\b", "", "a-b", 2.5]
)
def test_what_a_preset_sets_is_what_dvc_reads(value, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("notes: before\n")
    apply_overrides(path, [f"notes={commands.override_value(value)}"])
    assert read_yaml(path)["notes"] == value
