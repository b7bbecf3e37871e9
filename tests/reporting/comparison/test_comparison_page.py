from tests.support.pages import DEFAULT, METRICS, PROBLEMS, ParsedPage, finding, png, run
from vaeline.reporting.comparison.page import comparison_page, differing_params, partial_params


def three() -> list:
    other = METRICS | {"evaluate/elbo": -95.0, "evaluate/iwae_k": 5000, "diagnose/active_units": 3}
    changed = {"beta": 0.5, "data": {"train_size": 500}}
    return [
        run("HEAD"),
        run("beta=0.5", changed, metrics=other, findings=PROBLEMS),
        run("old", findings=None, pictures={"samples": png()}),
    ]


def test_page_has_only_the_params_that_differ():
    assert differing_params(three()) == {
        "beta": ["1", "0.5", "1"],
        "data.train_size": ["auto", "500", "auto"],
    }
    rows = ParsedPage(comparison_page(three())).lines("tr")
    assert "beta 1 0.5 1" in rows
    assert not [row for row in rows if row.startswith("latent_dim")]
    same = ParsedPage(comparison_page([run("a"), run("b")]))
    assert "None: all runs have the same params." in same.lines("p")


def test_param_that_a_run_lacks_is_not_a_difference():
    old = run("old")
    params = {key: value for key, value in DEFAULT.items() if key != "gate"}
    runs = [run("new"), old.__class__(**{**vars(old), "params": params})]
    for pair in (runs, runs[::-1]):
        assert differing_params(pair) == {}
        assert partial_params(pair) == ["gate"]
        assert "gate" in ParsedPage(comparison_page(pair)).texts["code"]


def test_every_run_has_its_verdict_and_remedies():
    page = ParsedPage(comparison_page(three()))
    (verdicts,) = [row for row in page.lines("tr") if row.startswith("Verdict ")]
    assert "Healthy: no sign of" in verdicts
    assert "Collapse (97% sure); Blur (97% sure)" in verdicts
    assert "No findings" in verdicts
    for problem in PROBLEMS[:2]:
        assert problem.command in page.texts["code"]
    assert finding("dead", "information").title in " ".join(page.lines("tr"))


def test_figures_are_the_metrics_and_differences_are_from_the_first_run():
    page = ParsedPage(comparison_page(three()))
    rows = page.lines("tr")
    elbo = "ELBO, test (nats) -97.96 ± 0.26 -95.00 ± 0.26 difference +2.96 ± 0.36 (beyond 2 errors) "
    assert [row for row in rows if row.startswith(elbo) and row.endswith("difference 0.00 ± 0.36")]
    (iwae,) = [row for row in rows if row.startswith("IWAE")]
    assert iwae.startswith("IWAE-100, test (nats) / IWAE-5000, test (nats) -92.75 ± 0.24 ")
    assert "not comparable (iwae_k: 100 / 5000)" in iwae
    assert "Active units of 20, valid 19 3 difference -16 19 difference 0" in rows
    values = [a["value"] for a in page.attributes("data")]
    for run_ in three():
        for name, value in run_.metrics.items():
            assert str(value) in values or name.endswith("_se")
    assert [text for text in page.lines("p") if "quadrature" in text and "paired" in text]


def test_difference_within_two_errors_is_not_marked():
    near = METRICS | {"evaluate/elbo": METRICS["evaluate/elbo"] + 0.7}
    assert "(beyond" not in comparison_page([run("a"), run("b", metrics=near)])


def test_pictures_are_in_a_row_per_kind_and_a_column_per_run():
    page = ParsedPage(comparison_page(three()))
    alts = [image["alt"] for image in page.attributes("img")]
    assert len(alts) == 7
    assert [alt.rpartition(", of ")[2] for alt in alts] == [
        *("HEAD", "beta=0.5"), *("HEAD", "beta=0.5", "old"), *("HEAD", "beta=0.5"),
    ]  # fmt: skip
    kinds = [row for row in page.lines("tr") if row.endswith("–") and "nats" in row]
    assert kinds, "a run without a picture has a dash in its place"
