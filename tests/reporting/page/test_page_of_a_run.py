import base64
import hashlib
import io
import re
import shlex

import jinja2.meta
import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.support.pages import DEFAULT, ILL, MADE, METRICS, Read, run
from vaeline.core.params import flatten_params, read_yaml
from vaeline.reporting.page.comparison import comparison_page as comparison
from vaeline.reporting.page.rendering import ENVIRONMENT, TEMPLATES
from vaeline.reporting.page.report import run_page
from vaeline.reporting.plots.palette import PALETTE

COMMITTED = flatten_params(DEFAULT)


@pytest.fixture(params=["one", "several"])
def html(request) -> str:
    ill = run("beta=100", {"beta": 100.0}, findings=ILL)
    return run_page(ill, COMMITTED, "exp") if request.param == "one" else comparison([run(), ill])


def test_a_page_needs_nothing_but_itself(html):
    read = Read(html)
    for tag, attributes in read.tags:
        for name in {"src", "href", "srcset", "data", "action", "poster", "background"} & attributes.keys():
            assert attributes[name].startswith(("data:", "#")), (tag, attributes)
    (style,) = read.texts["style"]
    assert not re.search(r"url\(|@import|//", style)
    (script,) = read.texts["script"]
    assert not re.search(r"fetch|XMLHttpRequest|import\b|//", script)
    links = {a["href"][1:] for a in read.all("a")}
    assert links == {a["id"] for _, a in read.tags if "id" in a}, "every link leads to a section"


def test_the_policy_lets_run_the_one_script_and_loads_nothing(html):
    read = Read(html)
    (policy,) = [a["content"] for a in read.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    (script,) = read.texts["script"]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")


def test_a_page_can_be_read_without_eyes_and_on_a_phone(html):
    read = Read(html)
    assert [
        a for a in read.all("meta") if a.get("name") == "viewport" and "width=device-width" in a["content"]
    ]
    assert read.all("html")[0]["lang"] == "en"
    assert len(read.texts["h1"]) == len(read.texts["main"]) == len(read.texts["nav"]) == 1
    assert len(read.texts["caption"]) == len(read.texts["table"])
    assert all(read.said("caption"))
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    for colour in PALETTE[0], PALETTE[2], PALETTE[5]:
        assert colour in html


def test_every_picture_is_a_png_with_words(html):
    images = Read(html).all("img")
    assert len(images) in (3, 6)
    for image in images:
        assert len(image["alt"].split()) >= 1
        head, data = image["src"].split(",")
        assert head == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as decoded:
            decoded.load()
            assert decoded.size == (int(image["width"]), int(image["height"]))


def test_every_problem_says_what_how_sure_why_and_what_to_do():
    read = Read(run_page(run(findings=ILL), COMMITTED))
    assert len(read.texts["article"]) == 2
    for said, found in zip(read.said("article"), ILL, strict=False):
        for words in ("Problem: ", found.title, "97% sure", found.says, found.cause):
            assert words in said
        (evidence,) = found.evidence
        for words in (evidence.name, "0.123 ± 0.010", "below 0.25 nats", evidence.reason):
            assert words in said
        assert found.command in read.texts["code"]
    folded = read.said("summary")
    assert [words for words in folded if words.startswith("Dead information says dead")]
    assert [words for words in folded if words.startswith("Holes healthy says holes")]


def test_a_healthy_run_says_so_and_shows_the_evidence_of_each_detector():
    read = Read(run_page(run(), COMMITTED))
    assert "article" not in read.texts
    assert "Healthy" in read.said("b")
    folds = [text for text in read.said("details") if "the reason of" in text]
    assert len(folds) == 4
    assert all("0.123 ± 0.010" in text and "97% sure that it is no problem" in text for text in folds)


def test_a_run_from_before_there_were_findings_is_neither_ill_nor_healthy():
    read = Read(run_page(run(findings=None), COMMITTED))
    assert "Unknown" in read.said("b")
    assert not {"Healthy", "Problem"} & set(read.said("b"))


def test_the_numbers_are_the_metrics_to_the_last_digit():
    read = Read(run_page(run(), COMMITTED))
    values = [a["value"] for a in read.all("data")]
    for name, value in METRICS.items():
        assert str(value) in values or name.endswith("_se")
    assert read.texts["data"].count("-97.96 ± 0.26") == 2  # headline, and among all
    assert "no <weights> here" in read.texts["data"]
    assert not [code for code in read.texts["code"] if code.endswith("_se")]


def test_what_differs_from_the_committed_params_is_set_off():
    html = run_page(run(params={"beta": 4.0, "data": {"name": "digits"}}), COMMITTED)
    rows = Read(html).said("tr")
    assert "beta 4 1" in rows
    assert "data.name digits mnist" in rows
    assert "beta 4 changed from 1" in rows
    assert "seed 42" in rows
    assert sorted(Read(html).texts["mark"]) == ["4", "4", "digits", "digits"]
    assert "Every param is the committed one." in Read(run_page(run(), COMMITTED)).said("p")
    assert "No committed params are known here to compare with." in Read(run_page(run(), {})).said("p")


def test_it_says_how_it_was_made_and_how_to_make_it_again():
    made = MADE | {"dvc.baseline": "b" * 40, "hardware.gpu": "a GPU"}
    html = run_page(run(params={"beta": 4.0}, evaluation=made), COMMITTED, "wide-mouse")
    read = Read(html)
    rows = read.said("tr")
    assert f"Commit {'c' * 40} {'c' * 40}" in rows
    assert "GPU – a GPU" in rows
    assert "Code changed since that commit no no" in rows
    assert "torch 2.0 2.0" in rows
    assert "Seconds 125 –" in rows
    assert f"test 10000 {'t' * 64}" in rows
    commands = read.texts["code"]
    assert f"git checkout {'b' * 40} && dvc exp run -S beta=4" in commands
    assert "dvc exp apply wide-mouse" in commands
    assert 'make report RUNS="HEAD wide-mouse"' in commands
    assert "the commit alone does not" not in html


def test_code_that_was_changed_is_a_warning():
    html = run_page(run(training=MADE | {"git.dirty": "true"}), COMMITTED)
    assert "the commit alone does not make this run again" in html


def test_a_name_of_an_experiment_is_one_word_to_the_shell():
    commands = Read(run_page(run(), COMMITTED, "two words")).texts["code"]
    (apply,) = [command for command in commands if command.startswith("dvc exp apply")]
    assert shlex.split(apply)[-1] == "two words"


def test_nothing_that_a_person_wrote_becomes_markup():
    hostile = '<script>alert("1")</script><img src=x onerror=alert(1)>\'"&'
    metrics = METRICS | {"fid/fid_skipped": hostile, f"fid/{hostile}": 1.0}
    params = {"notes": hostile}
    worded = [ILL[0].__class__(**{**vars(ILL[0]), "says": hostile, "cause": hostile, "title": hostile})]
    bad = run(hostile, params, metrics=metrics, findings=worded, pictures={})
    for html in (run_page(bad, COMMITTED, hostile), comparison([bad, run(hostile + "2", params)])):
        read = Read(html)
        assert len(read.texts["script"]) == 1
        assert not read.all("img") or all(image["src"].startswith("data:") for image in read.all("img"))
        assert not [a for _, a in read.tags if "onerror" in a]
        assert any(hostile in text for text in read.texts["h1"])


def reached(template: str) -> set[str]:
    """Returns a template and those that it needs, script and style too."""
    tree = ENVIRONMENT.parse((TEMPLATES / template).read_text())
    named = {name or "copy.js" for name in jinja2.meta.find_referenced_templates(tree)}
    return {template}.union(*map(reached, named))


def test_the_report_stage_depends_on_its_templates():
    """They are no modules, so that `make deps` leaves them to us."""
    listed = read_yaml(ROOT / "dvc.yaml")["stages"]["report"]["deps"]
    folder = TEMPLATES.relative_to(ROOT)
    wanted = {str(folder / name) for name in reached("report.html")}
    assert len(wanted) == 5
    assert {path for path in listed if path.startswith(str(folder))} == wanted
