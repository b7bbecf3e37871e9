from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from vaeline.core.files import write_json
from vaeline.diagnosis.finding import Evidence, Finding
from vaeline.reporting import summary
from vaeline.runtime.stage import MEASURED_STAGES

METRICS = {
    "evaluate/elbo": -98.76543, "evaluate/elbo_se": 0.4567, "evaluate/ess": 12.3456, "evaluate/ess_se": 3.0,
    "fid/fid_classifier": 0.0123456, "fid/fid_skipped": "no weights here", "diagnose/active_units": 17,
    "diagnose/latent_dims": 20,
}  # fmt: skip

FINDINGS = [
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


def test_metrics_are_gathered_under_the_name_of_their_stage(tmp_path):
    for i, stage in enumerate(MEASURED_STAGES):
        write_json(tmp_path / stage / "metrics.json", {"value": i, "word": stage})
    metrics = summary.gather_metrics(tmp_path)
    assert metrics["train/value"] == MEASURED_STAGES.index("train")
    assert metrics["fid/word"] == "fid"
    assert len(metrics) == 2 * len(MEASURED_STAGES)


def test_metrics_are_numbers_or_text():
    assert summary.text_metrics(METRICS) == {"fid/fid_skipped": "no weights here"}
    assert summary.numeric_metrics(METRICS) | summary.text_metrics(METRICS) == METRICS


def test_headlines_name_the_examples_of_the_data():
    errors = {"evaluate/mse": 0.25, "evaluate/ais_images": 3, "evaluate/ais": -1.5}
    of_images = [label for label, _ in summary.headline_labels(errors)]
    of_rows = [label for label, _ in summary.headline_labels(errors | {"prepare/columns": 4})]
    assert of_images == [
        "Annealed importance sampling on 3 images, test (nats)",
        "Squared error per pixel, test",
    ]
    assert of_rows == ["Annealed importance sampling on 3 rows, test (nats)", "Squared error per value, test"]


def test_verdict_is_beside_the_published_number():
    metrics = {"evaluate/nll_minus_target": -0.123, "evaluate/target_nll": 86.76, "evaluate/verdict": "pass"}
    assert summary.headline_table(metrics)[2:] == ["| NLL, test, minus the published 86.76: pass | -0.123 |"]


def test_summary_has_headlines_and_every_metric():
    params = {"beta": 4.0, "prior": {"name": "flow"}}
    lines = summary.summary_markdown(
        METRICS, params, "beta=4", FINDINGS, ["plots/samples.png"], "epoch 1: fine\n"
    ).splitlines()
    assert "Params that differ from the committed ones: beta=4" in lines
    assert "| ELBO, test (nats) | -98.77 ± 0.46 |" in lines
    assert "| Active units of 20, valid | 17 |" in lines
    assert {"| beta | 4.0 |", "| prior.name | flow |", "![samples](plots/samples.png)", "epoch 1: fine"} <= {
        *lines
    }
    assert not [line for line in lines if line.startswith("| Fréchet distance, Inception")]
    for name, value in METRICS.items():
        assert f"| {name} | {value} |" in lines
    empty = summary.summary_markdown({}, {}, "", [], [], "").splitlines()
    assert "Params that differ from the committed ones: none" in empty


def test_findings_are_above_the_figures():
    text = summary.summary_markdown(METRICS, {}, "", FINDINGS, [], "")
    parts = [
        "Holes in the latent space (98% sure)",
        "- Holes in the latent space: few are covered",
        "likely cause: the KL weighs too little",
        "dvc exp run -S beta=1",
        "| Active units of 20, valid | 17 |",
    ]
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_artifacts_have_their_folders(tmp_path):
    folders = {
        "train/checkpoints/best.pt": "checkpoints",
        "train/checkpoints/last.pt": "checkpoints",
        "train/history.csv": "tables/train",
        "train/training.log": "logs",
        "diagnose/plots/samples.png": "plots/diagnose",
        "report/summary.md": "report",
    }
    for name in (
        *folders,
        "train/checkpoints/epoch_0010.pt",
        "train/metrics.json",
        "fid_reference/features/x.npy",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    artifacts = summary.run_artifacts(tmp_path)
    assert {str(Path(path).relative_to(tmp_path)): folder for path, folder in artifacts.items()} == folders


def test_pictures_are_named_by_stage_and_file(tmp_path):
    (tmp_path / "diagnose/plots").mkdir(parents=True)
    (tmp_path / "diagnose/plots/samples.png").write_text("x")
    assert summary.stage_pictures(tmp_path) == {
        "diagnose/samples": str(tmp_path / "diagnose/plots/samples.png")
    }


def test_pictures_of_all_stages_are_copied_once(tmp_path):
    for name in ("evaluate/plots/b.png", "diagnose/plots/z.png", "diagnose/plots/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for _ in range(2):
        assert summary.copy_pictures(tmp_path) == ["plots/a.png", "plots/z.png", "plots/b.png"]
    assert (tmp_path / "report/plots/b.png").read_text() == "evaluate/plots/b.png"
    assert len(list(tmp_path.glob("report/plots/*"))) == 3


HOSTILE = [
    "<script>a</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))", "a | b", "a\n\nb",
    "```\n<b>", "`<b>`", "*a* _b_ ~~c~~", "&lt;b&gt;", "\\<b>", "$x$", "![x](y)", "<!-- a", "&#60;b>",
]  # fmt: skip


@pytest.mark.parametrize("notes", HOSTILE)
def test_notes_are_text_in_the_summary_and_never_markup(notes):
    finding = replace(FINDINGS[0], command=f"dvc exp run -S 'notes={notes}'")
    text = summary.summary_markdown(METRICS, {"notes": notes}, f"notes={notes}", [finding], [], notes)
    page = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    tokens = [child for token in page for child in [token, *(token.children or [])]]
    assert not {token.type for token in tokens} & {
        "html_inline",
        "html_block",
        "link_open",
        "em_open",
        "s_open",
    }
    assert sum(token.type == "heading_open" for token in tokens) == 4
    cells = [token for token in page if token.type == "inline"]
    (at,) = (i for i, token in enumerate(cells) if token.content == "notes")
    assert "".join(child.content for child in cells[at + 1].children) == " ".join(notes.split())
