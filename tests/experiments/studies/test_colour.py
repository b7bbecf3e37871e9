"""The study of colour images: its rows, its page, and that nothing is compared across different images."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_json
from vaeline.diagnosis.finding import Finding
from vaeline.experiments import study
from vaeline.experiments.clinic.trial import Trial
from vaeline.experiments.presets import preset_config, preset_overrides
from vaeline.experiments.studies import colour, colour_seeds
from vaeline.experiments.studies.colour import ColourStudy
from vaeline.experiments.variation import varied

COLOUR = ColourStudy()
BASELINES = {
    "test_sha256": "ab",
    "data": {"train": "45,000", "test": "10,000", "dims": "3,072"},
    "bits_per_dim": {"PNG": 5.99, "PNG_se": 0.0123},
}


@pytest.fixture(autouse=True)
def _measured(at_the_root, tmp_path, monkeypatch):
    monkeypatch.setattr(colour, "BASELINES", tmp_path / "baselines.json")
    write_json(colour.BASELINES, BASELINES)


def record(name: str, test: str = "ab", **changes: Any) -> dict:
    figures = {
        "bits_per_dim": 5.125,
        "rate": 60.2,
        "fid_classifier": 80.4,
        "train_active_units_by_layer": "90",
    }
    errors = {"bits_per_dim_se": 0.0123, "rate_se": 0.31, "fid_classifier_se": 1.2}
    problem = {"level": "problem", "sure": 0.99, "says": "…"}
    findings = [
        {"name": "underfitting", "changes": {"epochs": 80}, **problem},
        {"name": "low_diversity", "changes": {"latent_dim": 64}, **problem},
        {"name": "holes", "changes": {}, "level": "information", "sure": 1.0, "says": "…"},
        {"name": "blurry_reconstructions", "changes": {}, **problem},
    ]
    return {
        "overrides": preset_overrides(f"colour-{name}"),
        "data": {"test_sha256": test},
        "results": figures | errors,
        "findings": findings,
        "epochs": 8.0,
        "seconds": 1799.0,
        "training": {},
    } | changes


def page_of(one_record: dict | None) -> str:
    """Returns the page of a single row, which nothing repeats."""
    return COLOUR.markdown([COLOUR.row("gaussian", one_record) | {"repeated_by": ""}])


def test_row_has_its_figures_its_problems_and_the_first_remedy():
    page = page_of(record("gaussian"))
    assert (
        "| 5.125 ± 0.012 | 60.20 ± 0.31 | 80.4 ± 1.2 | 90 | 8 | 30.0 min | CPU | "
        "underfitting, low diversity, blurry reconstructions | `-S latent_dim=64` |"
    ) in page
    assert "| PNG | 5.990 ± 0.012 |" in page
    assert "](../pictures/colour-gaussian.png)" in page


def test_what_has_not_run_is_said_and_has_no_picture():
    page = page_of(None)
    assert "| not run |" in page
    assert "](../pictures" not in page


def test_figure_that_a_run_lacks_is_said():
    half = record("gaussian")
    half["results"] = {key: value for key, value in half["results"].items() if "fid" not in key}
    assert "| 60.20 ± 0.31 | not run | 90 |" in page_of(half)


REMEDY = {"latent_dim": 64}
ONE, CURED = "residual", "residual-cured"


def rows_of(monkeypatch, *, cure: dict, name: str = CURED) -> list:
    """The rows of a member with low diversity, and of `name`, which repeats it with the changes `cure`."""
    overrides = {f"colour-{ONE}": {"epochs": 8}, f"colour-{name}": {"epochs": 7, "notes": "…"} | cure}
    monkeypatch.setattr(study, "preset_overrides", overrides.__getitem__)
    monkeypatch.setattr(colour, "preset_overrides", lambda name: overrides.get(name, {}))
    monkeypatch.setattr(ColourStudy, "members", lambda _: [ONE, name])
    finding = {"name": "low_diversity", "level": "problem", "says": "p(x|z) covers 12%", "changes": REMEDY}
    better = finding | {"level": "healthy", "says": "p(x|z) covers 34%", "changes": {}}
    records = {
        preset: record("residual", overrides=values, findings=[better if name in preset else finding])
        for preset, values in overrides.items()
    }
    monkeypatch.setattr(study, "load_records", lambda: records)
    return COLOUR.rows()


def test_remedy_is_shown_with_what_it_did(monkeypatch):
    page = COLOUR.markdown(rows_of(monkeypatch, cure=REMEDY))
    figures = "5.125 ± 0.012 → 5.125 ± 0.012 | 80.4 ± 1.2 → 80.4 ± 1.2"
    before, after = (rf"p(x\|z) covers {share}%" for share in (12, 34))
    assert f"| residual | {before} | `-S latent_dim=64` | {CURED} | {after} | yes | {figures} |" in page
    assert page.count("| 90 | 8 |") == 1  # what repeats it has no row in the first table


def test_member_of_its_own_may_be_what_a_remedy_leads_to(monkeypatch):
    page = COLOUR.markdown(rows_of(monkeypatch, cure=REMEDY, name="wide"))
    assert "| `-S latent_dim=64` | wide | p(x\\|z) covers 34% | yes |" in page
    assert page.count("| 90 | 8 |") == 2
    other = COLOUR.markdown(rows_of(monkeypatch, cure={"latent_dim": 65}, name="wide"))
    assert "The first remedies" not in other


def test_another_cure_than_the_first_remedy_is_refused(monkeypatch):
    with pytest.raises(VaelineError, match="not residual with its first remedy: -S latent_dim=64"):
        rows_of(monkeypatch, cure={"latent_dim": 65})


def test_record_of_other_test_images_is_refused():
    with pytest.raises(VaelineError, match="gaussian was tested on other images"):
        COLOUR.row("gaussian", record("gaussian", test="cd"))


def test_uniform_noise_costs_eight_bits_and_more(monkeypatch, tmp_path):
    """Baselines of a folder in the place of the budget's: noise has no density to be found."""
    noise = np.random.default_rng(0).integers(0, 256, (700, 8, 8, 3), np.uint8)
    for number, image in enumerate(noise):
        folder = tmp_path / ("test" if number < 100 else "train") / "noise"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    small = {"data.path": str(tmp_path), "data.image_folder.side": 8, "latent_dim": 2}
    config = varied(preset_config("colour").to_dict(), small)
    monkeypatch.setattr(colour, "preset_config", lambda _name: config)
    measured = colour.measured_baselines()
    assert measured["data"] == {"train": "540", "test": "100", "dims": "192"}
    bits = {name: value for name, value in measured["bits_per_dim"].items() if not name.endswith("_se")}
    best = bits.pop("continuous Bernoulli, the best for each value")  # of parameters that are looked up
    assert len(bits) == 5
    assert best < 8 < min(bits.values())


def test_findings_over_seeds_are_counted_and_kept_as_they_come(monkeypatch, tmp_path):
    """The second training of conv fails: what was found before is kept, and the same call goes on."""
    monkeypatch.setattr(colour_seeds, "OVER_SEEDS", tmp_path / "seeds.json")
    found = {"underfitting": "problem", "holes": "information"}
    asked: list[tuple[str, list[str]]] = []

    def trained(name: str, overrides: list[str]) -> Trial:
        asked.append((name, overrides))
        if name == "colour-conv-fewer-2" and len(asked) == 3:
            raise VaelineError("the disk is full")
        changed = found | ({"holes": "problem"} if name == "colour-conv-fewer-1" else {})
        return Trial([Finding(n, n, level, 1.0, "…", []) for n, level in changed.items()], {}, 1.0)

    monkeypatch.setattr(colour_seeds, "trial", trained)
    monkeypatch.setattr(ColourStudy, "write", lambda _: None)
    with pytest.raises(VaelineError, match="the disk is full"):
        COLOUR.over_seeds(["conv", "ladder"], range(1, 3))
    assert {"data.train_size=10000", "seed=1", "model.name=ladder"} <= set(
        dict(asked)["colour-ladder-fewer-1"]
    )
    both = {"underfitting": True, "holes": True}
    kept = {"conv": {"1": both}, "ladder": {"1": {"underfitting": True, "holes": False}}}
    assert colour_seeds.read_over_seeds() == kept
    COLOUR.over_seeds(["conv", "ladder"], range(1, 3))
    section = colour_seeds.seeds_section(colour_seeds.read_over_seeds())
    assert "| finding | conv | ladder |" in section
    assert "| Underfitting | 2 of 2 | 2 of 2 |" in section
    assert "| Holes in the latent space | 1 of 2 | 0 of 2 |" in section
    assert "Overfitting" not in section  # it was not looked for
    more = colour_seeds.read_over_seeds() | {"conv": {"1": {"underfitting": False, "overfitting": False}}}
    assert "| Overfitting | 0 of 1 |  |" in colour_seeds.seeds_section(more)
    assert colour_seeds.seeds_section({}) == ""
