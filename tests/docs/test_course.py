"""docs/course.md promises nothing that is not here: experiments, presets, tests, pictures and figures.

Its commands, links and paths are checked with those of all pages.
"""

import ast
import re
import shlex

import pytest

from tests.conftest import ROOT
from tests.docs.markdown import Page
from vaeline.core.params import flatten_params
from vaeline.experiments.find import params_with
from vaeline.experiments.presets import preset_config

PAGE = Page("docs/course.md")
WEEKS = re.findall(r"^## (Weeks .*)$", PAGE.text, flags=re.MULTILINE)
LINES = [line for block in PAGE.blocks("bash") for line in block.splitlines()]
SNIPPETS = PAGE.blocks("python")
TESTS = sorted({code for code in PAGE.code if "::" in code})
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


@pytest.mark.parametrize(("overrides", "preset"), [one for one in EXPERIMENTS if one[1]])
def test_a_line_that_names_a_preset_is_that_preset(overrides, preset):
    assert _params(params_with(overrides)) == _params(preset_config(preset).to_dict())


def _params(values):
    return {key: value for key, value in flatten_params(values).items() if key not in RENAMED}


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


def test_every_picture_is_one_that_runs_leave():
    pictures = {code for code in PAGE.code if code.endswith(".png")}
    assert pictures
    assert all((ROOT / "docs" / "pictures" / picture).is_file() for picture in pictures)


FIGURES = re.findall(r"\| (-?\d[^|]*) in \[\w+\]\(([^)]+)\) \|", PAGE.text)


@pytest.mark.parametrize(("figures", "page"), FIGURES)
def test_a_figure_is_what_its_page_says(figures, page):
    text = Page(f"docs/{page}").text
    if "{include} ../../README.md" in text:
        text += Page("README.md").text
    assert not [one for one in figures.split(", ") if f"| {one} |" not in text]


def test_every_fortnight_has_all_its_parts():
    assert len(WEEKS) == 6
    for section in PAGE.text.split("\n## Weeks ")[1:]:
        for part in ("Read", "Run", "Look at", "Break it", "Done when"):
            assert f"\n**{part}" in section
        assert re.search(r"^\*\*(Exercise|Project)\.\*\* \*", section, flags=re.MULTILINE)
        assert re.search(r"  # clinic-\w+-\w+$", section, flags=re.MULTILINE)
        assert re.search(r" in \[\w+\]\(", section)


def test_its_programs_run(after_a_run, capsys):
    assert len(SNIPPETS) == 3
    for snippet in SNIPPETS:
        exec(compile(snippet, "docs/course.md", "exec"), {})
    said = capsys.readouterr().out
    assert re.match(r"even chances: -44.36 ± 0.00\nmean image: -26\.\d\d ± 0.13\ngrey image: -13.38 ±", said)
    pictures = list((after_a_run / "my_pictures").rglob("*.png"))
    assert len(pictures) == 1797
    assert {picture.parent.name for picture in pictures} == set("0123456789")
