"""docs/course.md promises nothing that is not here: commands, presets, tests, paths, links and figures."""

import ast
import re
import shlex

import pytest

from tests.conftest import ROOT
from tests.support.small import config, vae
from vaeline.core.params import flatten_params, read_yaml
from vaeline.data.catalog import DATASETS
from vaeline.data.storing import store
from vaeline.experiments import presets
from vaeline.experiments.find import params_with
from vaeline.models import checkpoints

PAGE = (ROOT / "docs" / "course.md").read_text()
WEEKS = re.findall(r"^## (Weeks .*)$", PAGE, flags=re.MULTILINE)
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
LINES = [line for kind, block in BLOCKS if not kind for line in block.splitlines()]
CODE = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", PAGE, flags=re.MULTILINE | re.DOTALL))
SNIPPETS = [block for kind, block in BLOCKS if kind == "python"]
TESTS = sorted({code for code in CODE if "::" in code})
RENAMED = ("experiment_name", "notes")  # what tells a preset's runs from others, and nothing else


@pytest.fixture(autouse=True)
def _at_the_root(at_the_root):
    pass


def settings(command: str) -> list[str]:
    """Returns the overrides of a `dvc exp run`."""
    assert command.startswith("dvc exp run -S ")
    words = shlex.split(command)[3:]
    assert set(words[::2]) == {"-S"}
    return words[1::2]


def experiments() -> list[tuple[list[str], str]]:
    """Returns what each `dvc exp run` amounts to, from the last `git checkout` on, and its preset."""
    found, standing = [], []
    for line in LINES:
        command, _, preset = (part.strip() for part in line.partition("#"))
        if command == "git checkout params.yaml":
            standing = []
        if command.startswith("dvc exp run"):
            standing = [*standing, *settings(command)]
            found.append((standing, preset))
    return found


EXPERIMENTS = experiments()


@pytest.mark.parametrize("overrides", [one for one, _ in EXPERIMENTS], ids=" ".join)
def test_every_experiment_has_params_that_there_are(overrides):
    assert params_with(overrides)


@pytest.mark.parametrize("command", [code for code in CODE if code.startswith("dvc exp run ")])
def test_so_have_those_within_the_text(command):
    assert params_with(settings(command))


@pytest.mark.parametrize(("overrides", "preset"), [one for one in EXPERIMENTS if one[1]])
def test_a_line_that_names_a_preset_is_that_preset(overrides, preset):
    assert _params(params_with(overrides)) == _params(
        presets.config(presets.preset_overrides(preset)).to_dict()
    )


def _params(values):
    return {key: value for key, value in flatten_params(values).items() if key not in RENAMED}


@pytest.mark.parametrize("command", sorted({one for one in [*LINES, *CODE] if one.startswith("make ")}))
def test_every_target_exists_with_what_it_is_given(command):
    targets = re.findall(r"^([a-z0-9-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    _, target, *given = shlex.split(command)
    assert target in targets
    for name, _, value in (one.partition("=") for one in given):
        if name == "NAME":
            assert target == "clinic"
            assert all((ROOT / "presets" / f"clinic-{case}.yaml").is_file() for case in value.split())
        elif name == "ARGS":
            assert (ROOT / value).exists()
        else:
            assert name in ("BETA", "SET")
            key = "beta=" if name == "BETA" else ""
            assert params_with([key + one for one in value.split()])


def test_other_commands_are_few_and_known():
    known = ("dvc exp run", "make ", "git checkout params.yaml", "source .venv/bin/activate", "dvc exp show")
    assert not [line for line in LINES if not line.startswith(known)]


@pytest.mark.parametrize("name", TESTS)
def test_every_test_that_answers_an_exercise_exists(name):
    file, _, function = name.partition("::")
    tree = ast.parse((ROOT / file).read_text())
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_test_of_the_course_has_its_place():
    own = {
        f"tests/course/{path.name}::{node.name}"
        for path in (ROOT / "tests" / "course").glob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert own <= set(TESTS)


def test_every_path_exists_or_is_written_by_a_stage():
    outs = {
        out if isinstance(out, str) else next(iter(out))
        for entry in read_yaml("dvc.yaml")["stages"].values()
        for kind in ("outs", "metrics", "plots")
        for out in entry.get(kind, [])
    }
    paths = {
        code for code in CODE if re.match(r"(src|tests|docs|presets|stages|examples|outputs)/[^:]*$", code)
    }
    assert paths
    for path in paths:
        made = any(path == out or path.startswith(f"{out}/") or out.startswith(f"{path}/") for out in outs)
        assert made if path.startswith("outputs/") else (ROOT / path).exists(), path


def test_every_picture_is_one_that_runs_leave():
    pictures = {code for code in CODE if code.endswith(".png")}
    assert pictures
    assert all((ROOT / "docs" / "pictures" / picture).is_file() for picture in pictures)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", PAGE))))
def test_every_link_leads_somewhere(link):
    path, _, anchor = link.partition("#")
    page = ROOT / "docs" / path
    assert page.is_file()
    titles = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE) if anchor else []
    assert not anchor or anchor in [title.lower().replace(" ", "-") for title in titles]


FIGURES = re.findall(r"\| (-?\d[^|]*) in \[\w+\]\(([^)]+)\) \|", PAGE)


@pytest.mark.parametrize(("figures", "page"), FIGURES)
def test_a_figure_is_what_its_page_says(figures, page):
    text = (ROOT / "docs" / page).read_text()
    assert not [one for one in figures.split(", ") if f"| {one} |" not in text]


def test_every_fortnight_has_all_its_parts():
    assert len(WEEKS) == 6
    for section in PAGE.split("\n## Weeks ")[1:]:
        for part in ("Read", "Run", "Look at", "Break it", "Done when"):
            assert f"\n**{part}" in section
        assert re.search(r"^\*\*(Exercise|Project)\.\*\* \*", section, flags=re.MULTILINE)
        assert re.search(r"  # clinic-\w+-\w+$", section, flags=re.MULTILINE)
        assert re.search(r" in \[\w+\]\(", section)


def test_its_programs_run(tmp_path, monkeypatch, capsys):
    """In a place that holds what `make repro` would leave there: prepared digits, and a small model."""
    store(DATASETS.build({"name": "digits"}, raw=None), tmp_path / "data" / "prepared")
    content = {
        "config": config().to_dict(),
        "shape": (1, 8, 8),
        "classes": 10,
        "training": {"model": vae().state_dict()},
    }
    best = tmp_path / "outputs" / "train" / "checkpoints" / "best.pt"
    best.parent.mkdir(parents=True)
    checkpoints.save_checkpoint(best, content)
    monkeypatch.chdir(tmp_path)
    assert len(SNIPPETS) == 3
    for snippet in SNIPPETS:
        exec(compile(snippet, "docs/course.md", "exec"), {})
    said = capsys.readouterr().out
    assert re.match(r"even chances: -44.36 ± 0.00\nmean image: -26\.\d\d ± 0.13\ngrey image: -13.38 ±", said)
    pictures = list((tmp_path / "my_pictures").rglob("*.png"))
    assert len(pictures) == 1797
    assert {picture.parent.name for picture in pictures} == set("0123456789")


def test_the_readme_leads_there():
    assert "](docs/course.md)" in (ROOT / "README.md").read_text()
