"""docs/reference/metrics.md has every metric that a stage can write, and no other."""

import json
import re
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.conftest import ROOT
from tests.docs.markdown import Page
from tests.support.small import digits, vae
from vaeline.core.yaml import read_yaml
from vaeline.data.prepared import Split
from vaeline.evaluation.classes import conditional_accuracy
from vaeline.evaluation.compression.bits_back import BitsBack
from vaeline.evaluation.compression.compression_metrics import compression_metrics
from vaeline.evaluation.disentanglement.codes import ImageCodes
from vaeline.evaluation.disentanglement.excess import excess_rate
from vaeline.evaluation.disentanglement.scores import disentanglement_scores
from vaeline.evaluation.estimators.annealed import ais_against_bound
from vaeline.evaluation.estimators.calibration import calibration_cost
from vaeline.evaluation.estimators.estimate import means_with_errors
from vaeline.evaluation.estimators.latents import measure_latents
from vaeline.evaluation.fid.classifier import Classifier
from vaeline.evaluation.fid.scores import (
    FROM_EX_POST,
    FROM_PRIOR,
    INCEPTION,
    distance_floors,
    distance_scores,
    fid_caveats,
)
from vaeline.evaluation.target import target_verdict
from vaeline.training.history import history_table
from vaeline.training.record import Record

LINES = Page("docs/reference/metrics.md").text.replace(r"\|", "¦").splitlines()
ROWS = [[cell.strip() for cell in line.split("|")[1:-1]] for line in LINES if line.startswith("| `")]
EACH_EPOCH = "train, each epoch"


def documented() -> list[str]:
    """Returns the metrics of the page as `<stage>/<name>`, their errors among them."""
    found = []
    for cell, stage, *_ in ROWS:
        for name, error in re.findall(r"`(\w+)`( ±)?", cell):
            found += [f"{stage}/{name}", *([f"{stage}/{name}_se"] if error else [])]
    return found


def committed() -> set[str]:
    """Returns those of the committed run."""
    files = (ROOT / "outputs").glob("*/metrics.json")
    return {f"{path.parent.name}/{name}" for path in files for name in json.loads(path.read_text())}


def each_epoch() -> set[str]:
    values = {field.name: 0 for field in fields(Record)} | {"kl_per_dim": (), "alerts": ()}
    return {f"{EACH_EPOCH}/{column}" for column in history_table([Record(**values)])}


def of_other_runs() -> set[str]:
    """Returns those that only some params or machines bring, by the code that makes them."""
    return {
        "train/seconds",  # in MLflow alone, see stages/report
        "fid/fid_skipped",
        "prepare/columns",
        "prepare/mean_value",
        *(f"{stage}/left_out" for stage in ("fid_reference", "fid", "diagnose")),
        "evaluate/iwae_note",
        *(f"{stage}/undefined" for stage in ("evaluate", "fid", "diagnose")),
        *(f"evaluate/{name}" for name in (*_annealed(), *_bits(), *_target(), *_compressed())),
        *(f"fid/{name}" for name in (*_inception(), *_conditional())),
        *(f"diagnose/{name}" for name in (*_codes(), *_disentanglement(), *_calibration())),
    }


def _annealed():
    return means_with_errors(ais_against_bound(vae(), digits(4), torch.zeros(4), count=2, steps=2))


def _bits():
    likelihood = vae(likelihood={"name": "gaussian"}).likelihood
    return means_with_errors(likelihood.measures(torch.zeros(4), dimensions=64))


def _compressed():
    images = vae().likelihood.evaluation_set(digits(4))
    return compression_metrics(BitsBack(vae()), images, count=2)


def _target():
    config = SimpleNamespace(target_nll=86.76, target_rule="within", target_tolerance=0.3)
    return target_verdict({"iwae": -87.0, "iwae_se": 0.1}, config)


def _inception():
    features = np.random.default_rng(0).normal(size=(2, 8, 3))
    sources = [distance_scores(INCEPTION, *features, source) for source in (FROM_PRIOR, FROM_EX_POST)]
    return [
        *sources[0],
        *sources[1],
        *distance_floors({INCEPTION: features}),
        *fid_caveats(features[0], weights="others"),
    ]


def _conditional():
    model = vae(model={"name": "conditional"})
    return conditional_accuracy(model, Classifier(channels=1, classes=10), 20)


def _codes():
    model = vae(model={"name": "vq", "vq": {"side": 2, "codes": 4}})
    return model.measures(model.infer(digits(4) / 255).layers[0].sample[0])


def _calibration():
    model = vae(likelihood={"name": "gaussian"})
    return calibration_cost(model, model.likelihood.evaluation_set(digits(4)))


def _disentanglement():
    rng = np.random.default_rng(0)
    codes = ImageCodes(rng.normal(size=(64, 2)), np.ones((64, 2)))
    factors = rng.integers(2, size=(64, 2))
    train = Split(digits(64).numpy(), factors[:, 0], factors)
    return disentanglement_scores(codes, factors) | excess_rate(measure_latents(vae(), digits(9)), train)


def test_the_page_has_every_metric_once_and_no_other():
    names = documented()
    assert len(names) == len(set(names))
    assert set(names) == committed() | each_epoch() | of_other_runs()


def test_every_row_has_a_definition_and_a_stage_that_there_is():
    stages = read_yaml(ROOT / "dvc.yaml")["stages"]
    for cell, stage, _, definition, _ in ROWS:
        assert stage in (*stages, EACH_EPOCH)
        assert definition.strip(), cell


@pytest.mark.parametrize("page", ["docs/explanation/metrics.md", "docs/guides/diagnosis.md"])
def test_metrics_that_a_page_names_are_on_the_list(page):
    """Names with an underscore, of which other pages speak, are metrics or params."""
    from vaeline.config import ExperimentConfig
    from vaeline.core.params import flatten_params
    from vaeline.diagnosis.detectors import DETECTORS

    known = {name.partition("/")[2] for name in documented()} | {detector.name for detector in DETECTORS}
    params = flatten_params(ExperimentConfig().to_dict())
    known |= {part for key in params for part in key.split(".")} | {"iaf", "beta_tc"}
    names = {code for code in Page(page).code if re.fullmatch(r"[a-z]+(_[a-z]+)+", code)}
    assert names <= known | {"discretized_logistic", "continuous_bernoulli"}
