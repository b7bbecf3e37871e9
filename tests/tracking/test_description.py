import pytest

from tests.support.committed import commit_params
from vaeline.diagnosis.finding import Evidence, Finding
from vaeline.tracking.description import OWN_HEADING, renewed_description, run_description, verdict_tag

COMMITTED = {"notes": "", "beta": 1.0, "seed": 42, "prior": {"name": "standard_normal"}}
EVIDENCE = [Evidence("rate", 0.1, 0.5, "below", "nats")]
HEALTHY = Finding("blur", "Blurry reconstructions", "healthy", 1.0, "sharp", EVIDENCE)
COLLAPSED = Finding(
    "posterior_collapse",
    "Posterior collapse",
    "problem",
    0.99,
    "z says nothing",
    EVIDENCE,
    cause="a large beta",
    changes={"beta": 1},
    command="dvc exp run -S beta=1",
)
HOLES = Finding("holes", "Holes in the latent space", "problem", 0.96, "samples miss", EVIDENCE)
GAP = Finding("overfitting", "Overfitting", "information", 0.7, "a small gap", EVIDENCE)


@pytest.fixture(autouse=True)
def _repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_EXP_BASELINE_REV", raising=False)
    commit_params(COMMITTED)


def test_verdict_names_the_problems():
    assert verdict_tag([COLLAPSED, HEALTHY, HOLES, GAP]) == "posterior_collapse holes"
    assert verdict_tag([HEALTHY, GAP]) == "healthy"
    assert verdict_tag([]) == ""


def test_description_has_notes_verdict_figures_and_commands():
    params = COMMITTED | {"notes": "A first try.", "beta": 4.0}
    table = ["| | mean ± standard error |", "|---|---|", "| ELBO, test (nats) | -98.77 ± 0.46 |"]
    origin = {"git.commit": "0123456789abcdef", "dvc.baseline": "fedcba9876543210"}
    description = run_description("A first try.", params, [COLLAPSED, HOLES, HEALTHY], table, origin)
    assert description.splitlines() == [
        "A first try.", "", OWN_HEADING, "",
        "**Posterior collapse** (99% sure): z says nothing.", "", "Likely cause: a large beta", "",
        "Remedy:", "", "```", "dvc exp run -S beta=1", "```", "",
        "**Holes in the latent space** (96% sure): samples miss.", "",
        *table, "",
        "Reproduce (from commit fedcba9876):", "", "```", "dvc exp run -S beta=4", "```",
    ]  # fmt: skip
    assert "**Healthy: no sign of blurry reconstructions.**" in run_description("", {}, [HEALTHY], [], {})


def test_description_fits_into_mlflow():
    assert len(run_description("x" * 20_000, COMMITTED, [COLLAPSED] * 8, ["| a | b |"] * 20, {})) < 8000


def test_edited_notes_stay_above_the_generated_part():
    assert (
        renewed_description(f"mine\n{OWN_HEADING}\nold", f"notes\n{OWN_HEADING}\nnew")
        == f"mine\n{OWN_HEADING}\nnew"
    )
    assert renewed_description("", f"{OWN_HEADING}\nnew") == f"{OWN_HEADING}\nnew"
