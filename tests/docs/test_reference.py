"""The reference pages that are made from the code: parameters, commands, findings, API."""

import sys
from typing import Annotated

import pytest
import typer

from tests.conftest import ROOT
from tests.docs.markdown import Page
from tests.test_house import ORDER
from vaeline.config import ExperimentConfig
from vaeline.core.nouns import EXAMPLE
from vaeline.core.params import flatten_params
from vaeline.diagnosis.detectors import DETECTORS

sys.path.append(str(ROOT / "docs" / "_ext"))

import api
import commands
import findings
import generated
import parameters


def test_every_parameter_is_described_with_its_default():
    rows = {row.key: row for row in parameters.parameters()}
    defaults = flatten_params(ExperimentConfig().to_dict())
    assert defaults.keys() <= rows.keys()
    for key, default in defaults.items():
        assert rows[key].meaning, key
        assert rows[key].default == parameters.as_yaml(default)
    assert {rows[key].kind for key in rows.keys() - defaults.keys()} <= {"section"}


@pytest.mark.parametrize(
    ("key", "kind", "allowed"),
    [
        ("beta", "float", "≥ 0"),
        ("augment_flip", "float", "≥ 0, ≤ 1"),
        ("seed", "int", "≥ 0, < 2⁶³"),
        ("shuffle", "bool", ""),
        ("kl_schedule", "choice", "`linear`, `cyclical`"),
        ("target_nll", "float or null", ""),
        ("data.train_size", "int or `auto`", ""),
        ("ais_images", "int", "≥ 0"),
        ("likelihood.pixelcnn.kernel", "choice", "`3`, `5`, `7`, `9`"),
    ],
)
def test_types_and_bounds_are_those_of_the_configuration(key, kind, allowed):
    row = next(row for row in parameters.parameters() if row.key == key)
    assert (row.kind, row.allowed) == (kind, allowed)


def test_comments_are_read_with_their_groups_and_continuations():
    text = "# KL term: how it is weighed\nbeta: 1.0  # its weight\ndata:\n  name: a  # a |\n           # b\n"
    assert parameters.comments(text) == {
        "beta": ("KL term: how it is weighed", "its weight"),
        "data": ("data", ""),
        "data.name": ("data", "a | b"),
    }


def test_a_command_has_its_usage_its_help_and_its_options():
    app = typer.Typer()
    app.callback()(lambda: None)

    @app.command()
    def run(name: str, beta: Annotated[float, typer.Option(help="weight | of the KL")] = 1.0) -> None:
        """Run one.

        All of it.
        """

    (context,) = commands.contexts(typer.main.get_command(app), "tool")
    text = commands.section(context)
    assert text.startswith(
        "## `tool run`\n\n```text\ntool run [OPTIONS] {name}\n```\n\nRun one.\n\nAll of it.\n"
    )
    assert r"weight \| of the KL" in text
    assert "default: 1.0" in text
    assert "--help" not in text


def test_the_page_of_commands_has_every_command():
    names = [context.command_path for context in commands.contexts(commands.root(), "vaeline")]
    assert {f"vaeline {name}" for name in ("compare", "sweep", "preset", "clinic", "readme")} <= set(names)
    assert all(f"## `{name}`" in commands.page() for name in names)


def test_every_measure_of_a_detector_has_its_threshold_on_the_page():
    page = findings.page()
    for detector in DETECTORS:
        assert f"`{detector.name}`" in page
        for sign in (sign for group in detector.signs for sign in group):
            assert f"`{sign.measure}`" in page
            assert EXAMPLE.put_into(sign.reason) in page


def test_every_room_has_its_page_and_its_row_in_the_architecture():
    lines = Page("docs/explanation/architecture.md").text.splitlines()
    rows = [line.split("|")[1].strip(" `") for line in lines if line.startswith("| `")]
    assert rows == ORDER
    pages = {path.stem for path in (ROOT / "docs" / "reference" / "api").glob("*.md")} - {"index"}
    assert pages == set(ORDER) - {"cli"}  # the page of commands is that of cli


def test_every_module_with_parts_has_a_section():
    text = generated.filled("<!-- generated: api vaeline.models -->")
    assert ".. automodule:: vaeline.models.priors.vamp" in text
    assert api.modules("vaeline.config") == ["vaeline.config"]


def test_docstrings_begin_no_reference_by_accident():
    lines = ["log p(x|z) of w_ and *this*, see `a|b` and ``c_``"]
    assert generated.plain(lines) == [r"log p(x\|z) of w\_ and \*this\*, see `a|b` and ``c_``"]
    assert generated.plain([">>> a | b"]) == [">>> a | b"]
