import base64
import hashlib
import io
import re
import shlex
from dataclasses import replace
from pathlib import Path

import jinja2.meta
import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.support.pages import DEFAULT, METRICS, ORIGIN, PROBLEMS, ParsedPage, finding, run
from vaeline.core.params import flatten_params
from vaeline.provenance.closure import stage_code
from vaeline.reporting.comparison.page import comparison_page
from vaeline.reporting.page.rendering import ENVIRONMENT, TEMPLATES
from vaeline.reporting.page.report import run_page
from vaeline.reporting.plots.palette import PALETTE

COMMITTED = flatten_params(DEFAULT)


@pytest.fixture(params=["one", "several"])
def html(request) -> str:
    bad = run("beta=100", {"beta": 100.0}, findings=PROBLEMS)
    return run_page(bad, COMMITTED, "exp") if request.param == "one" else comparison_page([run(), bad])


def test_page_is_self_contained(html):
    page = ParsedPage(html)
    for tag, attributes in page.tags:
        for name in {"src", "href", "srcset", "data", "action", "poster", "background"} & attributes.keys():
            assert attributes[name].startswith(("data:", "#")), (tag, attributes)
    (style,) = page.texts["style"]
    assert not re.search(r"url\(|@import|//", style)
    (script,) = page.texts["script"]
    assert not re.search(r"fetch|XMLHttpRequest|import\b|//", script)
    links = {a["href"][1:] for a in page.attributes("a")}
    assert links == {a["id"] for _, a in page.tags if "id" in a}, "every link points to a section"


def test_policy_allows_the_script_and_loads_nothing(html):
    page = ParsedPage(html)
    (policy,) = [
        a["content"] for a in page.attributes("meta") if a.get("http-equiv") == "Content-Security-Policy"
    ]
    (script,) = page.texts["script"]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_page_is_accessible_and_responsive(html):
    page = ParsedPage(html)
    (viewport,) = [a["content"] for a in page.attributes("meta") if a.get("name") == "viewport"]
    assert "width=device-width" in viewport
    assert page.attributes("html")[0]["lang"] == "en"
    assert len(page.texts["h1"]) == len(page.texts["main"]) == len(page.texts["nav"]) == 1
    assert len(page.texts["caption"]) == len(page.texts["table"])
    assert all(page.lines("caption"))
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    for colour in PALETTE[0], PALETTE[2], PALETTE[5]:
        assert colour in html


def test_every_picture_is_a_png_with_alternative_text(html):
    images = ParsedPage(html).attributes("img")
    assert len(images) in (3, 6)
    for image in images:
        assert len(image["alt"].split()) >= 1
        head, data = image["src"].split(",")
        assert head == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as decoded:
            decoded.load()
            assert decoded.size == (int(image["width"]), int(image["height"]))


def test_problem_has_confidence_cause_remedy_and_evidence():
    page = ParsedPage(run_page(run(findings=PROBLEMS), COMMITTED))
    assert len(page.texts["article"]) == 2
    for article, problem in zip(page.lines("article"), PROBLEMS, strict=False):
        for words in ("Problem: ", problem.title, "97% sure", problem.says, problem.cause):
            assert words in article
        (evidence,) = problem.evidence
        for words in (evidence.name, "0.123 ± 0.010", "below 0.25 nats", evidence.reason):
            assert words in article
        assert problem.command in page.texts["code"]
    folded = page.lines("summary")
    assert [words for words in folded if words.startswith("Dead information says dead")]
    assert [words for words in folded if words.startswith("Holes healthy says holes")]


def test_healthy_run_has_the_evidence_of_each_detector():
    page = ParsedPage(run_page(run(), COMMITTED))
    assert "article" not in page.texts
    assert "Healthy" in page.lines("b")
    folds = [text for text in page.lines("details") if "the reason of" in text]
    assert len(folds) == 4
    assert all("0.123 ± 0.010" in text and "97% sure that it is no problem" in text for text in folds)


def test_run_without_findings_is_neither_problem_nor_healthy():
    page = ParsedPage(run_page(run(findings=None), COMMITTED))
    assert "Unknown" in page.lines("b")
    assert not {"Healthy", "Problem"} & set(page.lines("b"))


def test_numbers_are_the_metrics_to_the_last_digit():
    page = ParsedPage(run_page(run(), COMMITTED))
    values = [a["value"] for a in page.attributes("data")]
    for name, value in METRICS.items():
        assert str(value) in values or name.endswith("_se")
    assert page.texts["data"].count("-97.96 ± 0.26") == 2  # in the headlines, and in the table of all
    assert "no <weights> here" in page.texts["data"]
    assert not [code for code in page.texts["code"] if code.endswith("_se")]


def test_params_that_differ_from_the_committed_ones_are_marked():
    html = run_page(run(params={"beta": 4.0, "data": {"name": "digits"}}), COMMITTED)
    rows = ParsedPage(html).lines("tr")
    assert "beta 4 1" in rows
    assert "data.name digits mnist" in rows
    assert "beta 4 changed from 1" in rows
    assert "seed 42" in rows
    assert sorted(ParsedPage(html).texts["mark"]) == ["4", "4", "digits", "digits"]
    assert "All params are the committed ones." in ParsedPage(run_page(run(), COMMITTED)).lines("p")
    unknown = ParsedPage(run_page(run(), {}))
    assert "The committed params are not available for comparison." in unknown.lines("p")


def test_page_has_the_origin_and_the_commands_that_reproduce_the_run():
    made = ORIGIN | {"dvc.baseline": "b" * 40, "hardware.gpu": "a GPU"}
    html = run_page(run(params={"beta": 4.0}, evaluation=made), COMMITTED, "wide-mouse")
    page = ParsedPage(html)
    rows = page.lines("tr")
    assert f"Commit {'c' * 40} {'c' * 40}" in rows
    assert "GPU – a GPU" in rows
    assert "Code differs from the commit no no" in rows
    assert "torch 2.0 2.0" in rows
    assert "Duration in seconds 125 –" in rows
    assert f"test 10000 {'t' * 64}" in rows
    commands = page.texts["code"]
    assert f"git checkout {'b' * 40} && dvc exp run -S beta=4" in commands
    assert "dvc exp apply wide-mouse" in commands
    assert "vaeline compare HEAD wide-mouse" in commands
    assert "the commit alone does not" not in html


def test_changed_code_is_a_warning():
    html = run_page(run(training=ORIGIN | {"git.dirty": "true"}), COMMITTED)
    assert "the commit alone does not reproduce this run" in html


@pytest.mark.parametrize("command", ["dvc exp apply", "vaeline compare HEAD"])
def test_name_of_an_experiment_is_one_word_to_the_shell(command):
    commands = ParsedPage(run_page(run(), COMMITTED, "two words")).texts["code"]
    (line,) = [line for line in commands if line.startswith(command)]
    assert shlex.split(line) == [*command.split(), "two words"]


def test_consequence_of_a_problem_is_not_called_no_problem():
    follows = finding("blur", "information", follows_from="Posterior collapse")
    (fold,) = [
        text
        for text in ParsedPage(run_page(run(findings=[follows]), COMMITTED)).lines("details")
        if "the reason of" in text
    ]
    assert "97% sure." in fold
    assert "no problem" not in fold


def test_no_text_becomes_markup():
    hostile = '<script>alert("1")</script><img src=x onerror=alert(1)>\'"&'
    metrics = METRICS | {"fid/fid_skipped": hostile, f"fid/{hostile}": 1.0}
    params = {"notes": hostile}
    titled = [replace(PROBLEMS[0], says=hostile, cause=hostile, title=hostile)]
    bad = run(hostile, params, metrics=metrics, findings=titled, pictures={})
    for html in (run_page(bad, COMMITTED, hostile), comparison_page([bad, run(hostile + "2", params)])):
        page = ParsedPage(html)
        assert len(page.texts["script"]) == 1
        assert all(image["src"].startswith("data:") for image in page.attributes("img"))
        assert not [a for _, a in page.tags if "onerror" in a]
        assert any(hostile in text for text in page.texts["h1"])


def required(template: str) -> set[str]:
    """Returns a template and those that it includes, with script and style."""
    tree = ENVIRONMENT.parse((TEMPLATES / template).read_text())
    named = {name or "copy.js" for name in jinja2.meta.find_referenced_templates(tree)}
    return {template}.union(*map(required, named))


def test_report_stage_depends_on_its_templates_only(at_the_root):
    files = {Path(file) for file in stage_code("report")}
    folder = TEMPLATES.relative_to(ROOT)
    assert {path for path in files if path.suffix != ".py"} == {
        folder / name for name in required("report.html")
    }
