from tests.support.pages import DEFAULT, ILL, METRICS, Read, finding, png, run
from vaeline.reporting.page.comparison import comparison_page, differing_params, strangers


def three() -> list:
    other = METRICS | {"evaluate/elbo": -95.0, "evaluate/iwae_k": 5000, "diagnose/active_units": 3}
    changed = {"beta": 0.5, "data": {"train_size": 500}}
    return [
        run("HEAD"),
        run("beta=0.5", changed, metrics=other, findings=ILL),
        run("old", findings=None, pictures={"samples": png()}),
    ]


def test_params_that_differ_stand_side_by_side_and_no_others():
    assert differing_params(three()) == {
        "beta": ["1", "0.5", "1"],
        "data.train_size": ["auto", "500", "auto"],
    }
    rows = Read(comparison_page(three())).said("tr")
    assert "beta 1 0.5 1" in rows
    assert not [row for row in rows if row.startswith("latent_dim")]
    assert "None: all have the same params." in Read(comparison_page([run("a"), run("b")])).said("p")


def test_a_param_that_a_run_did_not_have_yet_is_not_called_a_difference():
    old = run("old")
    params = {key: value for key, value in DEFAULT.items() if key != "gate"}
    runs = [run("new"), old.__class__(**{**vars(old), "params": params})]
    for pair in (runs, runs[::-1]):
        assert differing_params(pair) == {}
        assert strangers(pair) == ["gate"]
        assert "gate" in Read(comparison_page(pair)).texts["code"]


def test_every_run_has_its_verdict_and_its_remedies():
    read = Read(comparison_page(three()))
    (verdicts,) = [row for row in read.said("tr") if row.startswith("Verdict ")]
    assert "Healthy: no sign of" in verdicts
    assert "Collapse (97% sure); Blur (97% sure)" in verdicts
    assert "made before there were any" in verdicts
    for found in ILL[:2]:
        assert found.command in read.texts["code"]
    assert finding("dead", "information").title in " ".join(read.said("tr"))


def test_figures_are_the_metrics_and_differences_are_to_the_first():
    read = Read(comparison_page(three()))
    rows = read.said("tr")
    elbo = "ELBO, test (nats) -97.96 ± 0.26 -95.00 ± 0.26 difference +2.96 ± 0.36 (apart) "
    assert [row for row in rows if row.startswith(elbo) and row.endswith("difference 0.00 ± 0.36")]
    (iwae,) = [row for row in rows if row.startswith("IWAE")]
    assert iwae.startswith("IWAE-100, test (nats) / IWAE-5000, test (nats) -92.75 ± 0.24 ")
    assert "not comparable (iwae_k: 100 / 5000)" in iwae
    assert "Active units of 20 19 3 difference -16 19 difference 0" in rows
    values = [a["value"] for a in read.all("data")]
    for run_ in three():
        for name, value in run_.metrics.items():
            assert str(value) in values or name.endswith("_se")
    assert [text for text in read.said("p") if "quadrature" in text and "paired" in text]


def test_a_difference_within_two_of_its_errors_is_not_set_off():
    near = METRICS | {"evaluate/elbo": METRICS["evaluate/elbo"] + 0.7}
    assert "(apart)" not in comparison_page([run("a"), run("b", metrics=near)])


def test_pictures_stand_in_rows_by_kind_and_columns_by_run():
    read = Read(comparison_page(three()))
    alts = [image["alt"] for image in read.all("img")]
    assert len(alts) == 7
    assert [alt.rpartition(", of ")[2] for alt in alts] == [
        *("HEAD", "beta=0.5"), *("HEAD", "beta=0.5", "old"), *("HEAD", "beta=0.5"),
    ]  # fmt: skip
    kinds = [row for row in read.said("tr") if row.endswith("–") and "nats" in row]
    assert kinds, "a run without a picture has a dash in its place"
