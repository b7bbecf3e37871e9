"""A small clinic: two failures of real digits are found and cured; `vaeline clinic` has all."""

import json
import math
from functools import cache

import pytest
import torch

from tests.support import small
from vaeline.config import ExperimentConfig
from vaeline.core.params import StageParams
from vaeline.data.prepared import Prepared
from vaeline.diagnosis.detection import run_detectors
from vaeline.diagnosis.detectors import DETECTORS
from vaeline.diagnosis.finding import problems
from vaeline.evaluation import latent_use, symptoms
from vaeline.evaluation.estimators.latents import measure_latents
from vaeline.evaluation.fid import classifier
from vaeline.evaluation.observing import evaluation_set, start_from, training_set
from vaeline.evaluation.samples.features import ImageFeatures
from vaeline.experiments.variation import varied
from vaeline.models.catalog import MODELS
from vaeline.training import history
from vaeline.training.fit import fit
from vaeline.training.state import Training

pytestmark = pytest.mark.xdist_group("clinic")  # they share a classifier and trainings

N, VALID = 1000, 300
SOUND = {
    "device": "cpu", "compile": "never", "hidden_dim": 64, "latent_dim": 6, "batch_size": 50,
    "epochs": 60, "learning_rate": 0.002,
}  # fmt: skip


@cache
def data() -> Prepared:
    everything = small.split(N + VALID)
    described = {
        "name": "digits",
        "shape": small.SHAPE,
        "values": {"kind": "bytes"},
        "classes": list("0123456789"),
    }
    train, valid = everything[:N], everything[N:]
    return Prepared(None, described, train, valid, valid)


@cache
def judge() -> classifier.Classifier:
    train = data().train
    return classifier.train_classifier(train.values, train.labels, small.CLASSES, torch.device("cpu"))


def run(**changes: object) -> tuple[list, float]:
    """Returns the findings of a training, as the stages make them, and its best validation ELBO in nats."""
    return _run(json.dumps(varied(ExperimentConfig().to_dict(), SOUND | changes).to_dict()))


@cache  # by all params: a cured training can be the sound one
def _run(text: str) -> tuple[list, float]:
    params = StageParams(json.loads(text))
    torch.manual_seed(params.seed)
    model = MODELS.build(params.model, config=params, event_shape=small.SHAPE, classes=small.CLASSES)
    start_from(model, data().train)
    images, valid = training_set(model, data().train), evaluation_set(model, data().valid)
    training = Training.start(model, small.objective(params, N), params, len(images))
    records = list(fit(training, images, valid, params))
    model.eval()
    metrics = latent_use.latent_statistics(measure_latents(model, valid))
    metrics |= symptoms.history_symptoms(history.history_table(records), math.prod(small.SHAPE))
    metrics |= symptoms.model_symptoms(model, data())
    metrics |= symptoms.sample_symptoms(model, ImageFeatures(model, judge()), data())
    return run_detectors(metrics, params.to_dict()), max(record.valid_elbo for record in records)


def test_sound_training_is_healthy():
    findings, _ = run()
    assert [problem.name for problem in problems(findings)] == []
    without = {"entangled", "uncalibrated_likelihood"}  # of images with factors, and not of binary pixels
    assert {finding.name for finding in findings} == {d.name for d in DETECTORS} - without


CASES = {
    "posterior_collapse": {"beta": 100.0},
    "underfitting": {"epochs": 6},
}


@pytest.mark.parametrize("mode", CASES)
def test_failure_is_found_and_its_remedy_cures_it(mode):
    findings, before = run(**CASES[mode])
    (failure,) = (problem for problem in problems(findings) if problem.name == mode)
    cured, after = run(**CASES[mode] | failure.changes)
    assert mode not in [problem.name for problem in problems(cured)]
    assert after > before + 0.5
