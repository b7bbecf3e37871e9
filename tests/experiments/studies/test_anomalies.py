"""The study of anomalies: its areas against scikit-learn and a bootstrap, its outliers, and its page."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.support.small import config, digits, split, vae
from vaeline.core.errors import VaelineError
from vaeline.core.scaling import Range
from vaeline.evaluation.trained import TrainedModel
from vaeline.experiments.studies import anomalies
from vaeline.experiments.studies.anomalies import ANOMALY_SCORES, auroc, write_anomalies
from vaeline.experiments.studies.outliers import OUTLIERS


def test_areas_and_their_errors():
    generator = np.random.default_rng(0)
    normal, unusual = generator.normal(size=300).round(1), generator.normal(0.7, 1, 200).round(1)  # with ties
    of = np.r_[np.zeros(300), np.ones(200)]
    area = auroc(normal, unusual)
    assert area.mean == pytest.approx(roc_auc_score(of, np.r_[normal, unusual]))
    resampled = [
        auroc(generator.choice(normal, 300), generator.choice(unusual, 200)).mean for _ in range(1000)
    ]
    assert area.se == pytest.approx(np.std(resampled), rel=0.1)
    assert auroc(normal, normal).mean == pytest.approx(0.5)
    assert auroc(normal, normal + 10).mean == 1


@pytest.mark.parametrize("name", OUTLIERS)
def test_outliers_are_images_of_the_same_form_and_always_the_same(name):
    images = digits(12).numpy()
    first, again = (OUTLIERS[name](images, np.random.default_rng(0)) for _ in range(2))
    assert (first.shape, first.dtype) == (images.shape, np.uint8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, images)


def test_the_page_has_each_outlier_and_each_score(tmp_path, monkeypatch):
    class Data:
        name = "digits"
        test = valid = split(30)

    monkeypatch.setattr(anomalies, "RESULTS", tmp_path)
    monkeypatch.setattr(anomalies, "K", 4)
    monkeypatch.setattr(anomalies, "needed_training_data", lambda trained, purpose: Data)
    monkeypatch.setattr("vaeline.serving.scores.training_data", lambda trained: Data)
    model = vae()
    model.config = config(epochs=7).to_dict()
    write_anomalies(TrainedModel(model), 30)
    page = (tmp_path / "anomalies.md").read_text()
    for name in (*OUTLIERS, *ANOMALY_SCORES):
        assert f"| {name} |" in page
    assert "a model (vae on digits, 7 epochs) tells 30 outliers" in page
    assert (tmp_path / "anomalies.png").stat().st_size > 5000
    assert (tmp_path / "anomalies.json").read_text().count('"outliers"') == len(OUTLIERS)


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ({"event_shape": (3, 8, 8)}, r"uint8 and shape \[3, 8, 8\]: .*`vaeline score INPUT`"),
        ({"event_shape": (1, 8, 12)}, r"shape \[1, 8, 12\]"),
        ({"scaling": Range(low=-1, high=1), "likelihood": {"name": "gaussian"}}, "float32"),
        ({"model": {"name": "conditional"}}, "given labels"),
    ],
    ids=["colour", "not square", "floats", "labels"],
)
def test_a_model_that_cannot_take_the_outliers_is_one_line(model, named):
    with pytest.raises(VaelineError, match=named):
        write_anomalies(TrainedModel(vae(**model)), 30)
