from pathlib import Path

from vaeline.core.files import write_json
from vaeline.diagnosis.finding import Evidence, Finding
from vaeline.reporting import summary
from vaeline.runtime.stage import MEASURED_STAGES

METRICS = {
    "evaluate/elbo": -98.76543, "evaluate/elbo_se": 0.4567, "evaluate/ess": 12.3456, "evaluate/ess_se": 3.0,
    "fid/fid_classifier": 0.0123456, "fid/fid_skipped": "no weights here", "diagnose/active_units": 17,
    "diagnose/latent_dims": 20,
}  # fmt: skip

FOUND = [
    Finding(
        "holes",
        "Holes in the latent space",
        "problem",
        0.98,
        "few are covered",
        [Evidence("coverage_ratio", 0.05, 0.1, "below")],
        cause="the KL weighs too little",
        changes={"beta": 1.0},
        command="dvc exp run -S beta=1",
    )
]


def test_every_stages_metrics_are_gathered_under_its_name(tmp_path):
    for i, stage in enumerate(MEASURED_STAGES):
        write_json(tmp_path / stage / "metrics.json", {"value": i, "word": stage})
    metrics = summary.gather(tmp_path)
    assert metrics["train/value"] == MEASURED_STAGES.index("train")
    assert metrics["fid/word"] == "fid"
    assert len(metrics) == 2 * len(MEASURED_STAGES)


def test_numbers_and_words_part_the_metrics():
    assert summary.words(METRICS) == {"fid/fid_skipped": "no weights here"}
    assert summary.numbers(METRICS) | summary.words(METRICS) == METRICS


def test_a_verdict_stands_beside_the_published_number():
    metrics = {"evaluate/nll_minus_target": -0.123, "evaluate/target_nll": 86.76, "evaluate/verdict": "pass"}
    assert summary.headline_rows(metrics) == ["| NLL less the published 86.76: pass | -0.123 |"]


def test_the_summary_shows_headlines_and_every_metric():
    params = {"beta": 4.0, "prior": {"name": "flow"}}
    lines = summary.summary_markdown(
        METRICS, params, "beta=4", FOUND, ["plots/samples.png"], "epoch 1: fine\n"
    ).splitlines()
    assert "Params that differ from the committed ones: beta=4" in lines
    assert "| ELBO, test (nats) | -98.77 ± 0.46 |" in lines
    assert "| Active units of 20 | 17 |" in lines
    assert {"| beta | 4.0 |", "| prior.name | flow |", "![samples](plots/samples.png)", "epoch 1: fine"} <= {
        *lines
    }
    assert not [line for line in lines if line.startswith("| Fréchet distance, Inception")]
    for name, value in METRICS.items():
        assert f"| {name} | {value} |" in lines
    nothing = summary.summary_markdown({}, {}, "", [], [], "").splitlines()
    assert "Params that differ from the committed ones: none" in nothing


def test_the_summary_has_the_findings_above_the_figures():
    text = summary.summary_markdown(METRICS, {}, "", FOUND, [], "")
    said = [
        "Holes in the latent space (98% sure)",
        "- Holes in the latent space: few are covered",
        "likely cause: the KL weighs too little",
        "dvc exp run -S beta=1",
        "| Active units of 20 | 17 |",
    ]
    places = [text.index(part) for part in said]
    assert places == sorted(places)


def test_the_files_of_a_run_have_their_folders(tmp_path):
    made = {
        "train/checkpoints/best.pt": "checkpoints",
        "train/checkpoints/last.pt": "checkpoints",
        "train/history.csv": "tables/train",
        "train/training.log": "logs",
        "diagnose/plots/samples.png": "plots/diagnose",
        "report/summary.md": "report",
    }
    for name in (
        *made,
        "train/checkpoints/epoch_0010.pt",
        "train/metrics.json",
        "fid_reference/features/x.npy",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    found = {
        str(Path(path).relative_to(tmp_path)): folder for path, folder in summary.artifacts(tmp_path).items()
    }
    assert found == made


def test_pictures_are_named_by_stage_and_file(tmp_path):
    (tmp_path / "diagnose/plots").mkdir(parents=True)
    (tmp_path / "diagnose/plots/samples.png").write_text("x")
    assert summary.stage_pictures(tmp_path) == {
        "diagnose/samples": str(tmp_path / "diagnose/plots/samples.png")
    }


def test_the_pictures_of_all_stages_are_copied_and_a_second_time_the_same(tmp_path):
    for name in ("evaluate/plots/b.png", "diagnose/plots/z.png", "diagnose/plots/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for _ in range(2):
        assert summary.copy_pictures(tmp_path) == ["plots/a.png", "plots/z.png", "plots/b.png"]
    assert (tmp_path / "report/plots/b.png").read_text() == "evaluate/plots/b.png"
    assert len(list(tmp_path.glob("report/plots/*"))) == 3
