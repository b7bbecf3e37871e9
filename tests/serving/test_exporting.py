import json

import numpy as np
import pytest

from tests.support.small import shown
from tests.support.stored import store
from vaeline.core.errors import VaelineError
from vaeline.core.files import write_json
from vaeline.diagnosis.finding import Finding, save_findings
from vaeline.serving import load
from vaeline.serving.exporting import FORMATS, export_model

METRICS = {
    "evaluate/elbo": -97.93, "evaluate/elbo_se": 0.26, "prepare/data": "digits", "prepare/train_size": 1200,
}  # fmt: skip
FINDING = Finding("holes", "Holes", "problem", 0.99, "samples cover 5%", (), command="dvc exp run -S beta=1")


SAID = (
    *("license: unknown  # fill in", "3 latent dimensions", "| ELBO, test (nats) | -97.93 ± 0.26 |"),
    *(
        "| data set | digits |",
        "Holes (99% sure)",
        "git checkout abc123\ndvc exp run -S beta=4 -S data.name=digits\n",
    ),
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run's folder with a checkpoint and the report of its training."""
    monkeypatch.chdir(tmp_path)
    model = store(tmp_path / "outputs/train/checkpoints/best.pt", beta=4.0)
    write_json("outputs/train/run.json", {"run_id": "one"})
    training = {"run_id": "one", "git.commit": "abc123"}
    params = {"beta": 4.0, "data": {"name": "digits"}}
    write_json("outputs/report/summary.json", {"metrics": METRICS, "params": params, "training": training})
    save_findings("outputs/report/findings.json", [FINDING])
    return model


def test_card_says_what_the_model_is_how_good_and_how_to_make_it(run, tmp_path):
    paths = export_model("outputs/train", "folder", tmp_path / "vae")
    assert [path.name for path in paths] == ["README.md", "config.json", "model.safetensors"]
    card = (tmp_path / "vae/README.md").read_text()
    assert card.startswith("---\n")
    for part in SAID:
        assert part in card
    x = shown(3)
    np.testing.assert_array_equal(load(tmp_path / "vae").encode(x), load("outputs/train").encode(x))
    code = card.partition("```python\n")[2].partition("```")[0]
    exec(code, {})


def test_report_of_another_training_is_not_taken_for_the_models_own(run, tmp_path):
    write_json("outputs/train/run.json", {"run_id": "two"})
    export_model("outputs/train", "folder", tmp_path / "vae")
    assert "was not found, so that it has no metrics" in (tmp_path / "vae/README.md").read_text()


def test_mlflow_folder_is_loaded_and_holds_its_code_example_and_signature(run, tmp_path):
    export_model("outputs/train", "mlflow", tmp_path / "served")
    x = shown(3)
    np.testing.assert_array_equal(load(tmp_path / "served").encode(x), load("outputs/train").encode(x))
    assert (tmp_path / "served/code/vaeline/tracking/trained.py").is_file()
    assert not list((tmp_path / "served/code").rglob("__pycache__"))
    example = json.loads((tmp_path / "served/serving_input_example.json").read_text())
    assert np.shape(example["dataframe_split"]["data"][0][0]) == (1, 8, 8)
    assert "mlflow models serve -m" in (tmp_path / "served/README.md").read_text()


def test_wrong_format_and_full_folder_are_told_in_one_line(run, tmp_path):
    with pytest.raises(VaelineError, match=f"--format pickle is not one of {', '.join(FORMATS)}"):
        export_model("outputs/train", "pickle", tmp_path / "vae")
    with pytest.raises(VaelineError, match="is not empty: choose another with --to"):
        export_model("outputs/train", "folder", tmp_path)
