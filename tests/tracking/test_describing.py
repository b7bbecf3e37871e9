import pytest

from tests.support.committed import git
from vaeline.diagnosis.finding import Evidence, Finding
from vaeline.tracking.describing import (
    LONGEST_NAME,
    OWN_HEADING,
    description,
    name,
    parts,
    renewed,
    verdict_tag,
)

COMMITTED = {"notes": "", "beta": 1.0, "seed": 42, "prior": {"name": "standard_normal"}}
COMMITTED |= {f"option_{i}": 0 for i in range(30)}
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
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_EXP_BASELINE_REV", raising=False)
    git("init", "-q")
    git("config", "user.name", "test")
    git("config", "user.email", "test@example.com")
    (tmp_path / "params.yaml").write_text(str(COMMITTED))  # YAML takes it
    git("add", "-A")
    git("commit", "-qm", "params")


def test_a_name_says_what_differs():
    assert name(COMMITTED) == "baseline"
    assert name(COMMITTED | {"beta": 4.0, "prior": {"name": "vamp"}}) == "beta=4 prior=vamp"
    assert name(COMMITTED | {"notes": "why I did it"}) == "baseline"


def test_a_long_name_ends_with_whole_changes_and_the_count_of_the_others():
    changed = COMMITTED | {f"option_{i}": i + 1 for i in range(30)}
    shown, _, others = name(changed).partition(" … +")
    assert len(shown) <= LONGEST_NAME
    assert len(shown.split()) + int(others) == 30
    assert shown.split()[-1] == f"option_{len(shown.split()) - 1}={len(shown.split())}"
    assert len(name(COMMITTED | {"option_1": "x" * 500})) == LONGEST_NAME


def test_the_parts_are_tags_to_filter_on():
    params = {"beta": 1.0, "model": {"name": "vae", "ladder": {"layers": 3}}, "prior": {"name": "flow"}}
    assert parts(params) == {"model": "vae", "prior": "flow"}


def test_the_verdict_names_the_problems():
    assert verdict_tag([COLLAPSED, HEALTHY, HOLES, GAP]) == "posterior_collapse holes"
    assert verdict_tag([HEALTHY, GAP]) == "healthy"
    assert verdict_tag([]) == ""


def test_the_description_has_notes_verdicts_figures_and_the_commands():
    params = COMMITTED | {"notes": "A first try.", "beta": 4.0}
    figures = ["| ELBO, test (nats) | -98.77 ± 0.46 |"]
    made = {"git.commit": "0123456789abcdef", "dvc.baseline": "fedcba9876543210"}
    said = description("A first try.", params, [COLLAPSED, HOLES, HEALTHY], figures, made)
    assert said.splitlines() == [
        "A first try.", "", OWN_HEADING, "",
        "**Posterior collapse** (99% sure): z says nothing.", "", "Likely cause: a large beta", "",
        "Remedy:", "", "```", "dvc exp run -S beta=1", "```", "",
        "**Holes in the latent space** (96% sure): samples miss.", "",
        "| | mean ± standard error |", "|---|---|", *figures, "",
        "Repeat it (from commit fedcba9876):", "", "```", "dvc exp run -S beta=4", "```",
    ]  # fmt: skip
    assert "**Healthy: no sign of blurry reconstructions.**" in description("", {}, [HEALTHY], [], {})


def test_a_description_is_within_what_mlflow_keeps():
    assert len(description("x" * 20_000, COMMITTED, [COLLAPSED] * 8, ["| a | b |"] * 20, {})) < 8000


def test_what_a_person_wrote_above_our_part_stays():
    assert renewed(f"mine\n{OWN_HEADING}\nold", f"notes\n{OWN_HEADING}\nnew") == f"mine\n{OWN_HEADING}\nnew"
    assert renewed("", f"{OWN_HEADING}\nnew") == f"{OWN_HEADING}\nnew"
