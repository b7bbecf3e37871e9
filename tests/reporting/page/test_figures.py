from vaeline.diagnosis.finding import Evidence
from vaeline.reporting.page.figures import evidence_text, figures_by_stage, headline_figures, metric_text

METRICS = {
    "train/epochs": 30, "evaluate/elbo": -97.95679, "evaluate/elbo_se": 0.25566, "evaluate/verdict": "pass",
    "evaluate/parameters": 801224, "evaluate/k_se": 2, "fid/fid_classifier_floor": 0.43176615,
}  # fmt: skip


def test_mean_has_its_error_and_counts_and_text_are_exact():
    texts = {name: metric_text(METRICS, name) for name in METRICS}
    assert texts["evaluate/elbo"] == "-97.96 ± 0.26"
    assert texts["evaluate/parameters"] == "801224"
    assert texts["evaluate/verdict"] == "pass"
    assert texts["fid/fid_classifier_floor"] == "0.4318"


def test_every_metric_is_under_its_stage_and_no_error_is_a_metric():
    stages = figures_by_stage(METRICS)
    assert [stage for stage, _ in stages] == ["train", "evaluate", "fid"]
    labels = [figure.label for _, of_stage in stages for figure in of_stage]
    assert labels == ["epochs", "elbo", "verdict", "parameters", "k_se", "fid_classifier_floor"]


def test_label_with_ellipsis_belongs_to_the_figure_above():
    parts = headline_figures({"evaluate/iwae_k": 5, "evaluate/iwae": -90.0, "evaluate/ess": 2.0})
    assert [(figure.label, figure.part) for figure in parts] == [
        ("IWAE-5, test (nats)", False), ("… its effective sample size", True)
    ]  # fmt: skip


def test_evidence_has_its_error_if_there_is_one():
    assert evidence_text(Evidence("x", 0.5, 1.0, "below", se=0.012)) == "0.500 ± 0.012"
    assert evidence_text(Evidence("x", 0.05000000000000044, 1.0, "below")) == "0.05"
    assert evidence_text(Evidence("x", 3, 1.0, "below")) == "3"
