"""Every command on every page: its params exist and validate, it parses, its target or its file is there."""

import itertools
import re
from pathlib import Path

import pytest
import typer.main

from tests.conftest import ROOT
from tests.docs.markdown import pages
from vaeline.core.errors import VaelineError
from vaeline.experiments import presets
from vaeline.experiments.find import params_with
from vaeline.experiments.sweep import parse_grid

COMMANDS = sorted({(page.name, tuple(words)) for page in pages() for words in page.commands()})
TARGETS = re.findall(r"^([a-z0-9-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
OTHERS = (
    "git checkout params.yaml",
    "git checkout docs",
    "source .venv/bin/activate",
    "dvc add path/to/scans.npz",
    "git commit .dvc/config -m",
    "git push",
    "git pull",
    "dvc push --run-cache",
    "dvc pull --run-cache",
    "dvc exp list origin",
    "dvc exp pull --run-cache origin",
    "dvc exp apply",
    "docker compose -f examples/compose.yaml --env-file .env up -d",
    "mlflow models serve -m models:/vae@champion --env-manager uv",
    "curl 127.0.0.1:5001/invocations",
    "dvc exp show",
    "cp outputs/train/checkpoints/best.pt data/init/",
    "dvc add data/init/",
    "git add path/to/",
    "git add data/init/",
    "dvc metrics diff HEAD NAME",
    "dvc plots diff HEAD NAME",
    "dvc queue start",
    "dvc repro",
    "pip install pre-commit",
    "pre-commit install",
    "python3 -m venv .venv",
    ".venv/bin/python -m pip install uv",
    ".venv/bin/uv pip install",
    "touch .venv/.ready",
)


@pytest.fixture(autouse=True)
def _at_the_root(at_the_root):
    pass


@pytest.mark.parametrize(
    ("page", "words"), COMMANDS, ids=lambda value: " ".join(value) if isinstance(value, tuple) else value
)
def test_a_command_does_what_a_reader_expects_of_it(page, words):
    match words:
        case ("dvc", "exp", "run", *rest):
            assert experiment(rest)
        case ("vaeline", *rest):
            vaeline(rest)
        case ("make", target, *rest):
            assert target in TARGETS
            make(target, rest)
        case ("python", "-m", "pytest", *rest):
            assert (ROOT / rest[-1]).exists()
        case ("python", "-m", "benchmarks", *rest):
            from benchmarks.__main__ import BENCHMARKS

            assert set(rest) <= set(BENCHMARKS)
        case ("python", "-m", module, *_):
            assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file()
        case ("python", program, *_):
            assert (ROOT / program).is_file()
        case _:
            assert " ".join(words).startswith(OTHERS), f"{page}: what is this?"


def experiment(words: list[str]) -> list[dict]:
    """Returns the params of each experiment that `dvc exp run` starts; raises for a param that is not one."""
    words, overrides, queued = list(words), [], False
    while words:
        match words.pop(0):
            case "-S":
                overrides.append(words.pop(0))
            case "-n":
                words.pop(0)
            case "--queue":
                queued = True
            case word:
                assert word == "--temp"
    if "key=value" in overrides:  # the form of it
        return [{}]
    grid = [overrides]
    if queued:
        key, _, values = overrides[-1].partition("=")
        grid = [[*overrides[:-1], f"{key}={value}"] for value in values.split(",")]
    return [params_with(each) for each in grid]


def vaeline(words: list[str]) -> None:
    """Parses a `vaeline …` with the app itself, and checks the params and names that are handed to it."""
    from vaeline.cli import app

    group = typer.main.get_command(app)
    context = group.make_context("vaeline", [], resilient_parsing=True)
    if words[0] in ("--help", "COMMAND"):
        return
    command = group.get_command(context, words[0])
    assert command, f"there is no `vaeline {words[0]}`"
    given = command.make_context(words[0], list(words[1:]), parent=context).params
    assert params_with(_overrides(words))
    for name in given.get("names") or given.get("cases") or ():
        if words[0] == "preset" and name != "NAME":
            assert presets.preset_overrides(name)
        if words[0] in ("clinic", "zoo"):
            assert Path("presets", f"{words[0]}-{name}.yaml").is_file()


def _overrides(words: list[str]) -> list[str]:
    """Returns the last value of each param that a `vaeline …` is given: one that is valid there."""
    pairs = [word for word in words[1:] if "=" in word and not word.startswith("-")]
    options = {"--beta": "beta", "--seeds": "seed"}
    pairs += [
        f"{options[option]}={value}" for option, value in itertools.pairwise(words) if option in options
    ]
    chosen = []
    for key, _, values in (pair.partition("=") for pair in pairs):
        each = parse_grid([f"{key}={values}"])[key]
        assert all(params_with([f"{key}={value}"]) for value in each)
        chosen.append(f"{key}={each[-1]}")
    return chosen


def make(target: str, words: list[str]) -> None:
    for name, _, value in (word.partition("=") for word in words):
        match name:
            case "ARGS":
                assert target == "test"
                assert (ROOT / value).exists()
            case _:
                assert name == "PYTHON"


def test_a_wrong_command_is_noticed():
    """The checks above are worth something: each notices what a page may get wrong."""
    for words in (["-S", "betta=4"], ["-S", "beta=-1"], ["--queue", "-S", "beta=1,x"]):
        with pytest.raises(VaelineError):
            experiment(words)
    with pytest.raises(VaelineError):
        _overrides(["frontier", "--beta", "1,-2"])
