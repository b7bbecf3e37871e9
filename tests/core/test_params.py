import pytest
import yaml

from vaeline.core.errors import VaelineError
from vaeline.core.params import Hyperparameters, StageParams, validated
from vaeline.core.yaml import read_yaml

# Wrong in type, in range, or not among the choices.
WRONG = {
    "experiment_name": ["", 3],
    "notes": [None, 7],
    "seed": [-1, 2**63, 1.5, "42", True],
    "device": ["gpu", 0],
    "hidden_dim": [0, -4, 400.5, "400", None],
    "latent_dim": [0, True],
    "batch_size": [0, 12.5],
    "accumulate": [0, 1.5],
    "epochs": [0, -1, "30"],
    "learning_rate": [0.0, -1e-3, "fast", True, float("nan"), float("inf")],
    "lr_schedule": ["stepwise", None],
    "lr_warmup_epochs": [-1, None],
    "lr_plateau_patience": [0, 2.5],
    "lr_plateau_factor": [0.0, 1.0, 2.0],
    "weight_decay": [-0.1, False],
    "batch_reduction": ["median"],
    "shuffle": ["yes", 1],
    "grad_clip": [-1.0, float("nan")],
    "max_skipped_updates": [-1],
    "precision": ["fp16", 32],
    "compile": ["on", True],
    "ema_decay": [-0.1, 1.0],
    "init_from": ["", None, 3],
    "augment_flip": [-0.1, 1.5, True],
    "augment_shift": [-1, 1.5],
    "augment_crop": [-1, True],
    "beta": [-0.5, "4", True, [1.0], float("inf")],
    "kl_warmup_epochs": [-1, None],
    "kl_schedule": ["cosine"],
    "kl_cycles": [0],
    "free_bits": [-0.1],
    "val_every": [0],
    "patience": [-1, 2.5],
    "stop_after": [-1, 2.5],
    "checkpoint_every": [0],
    "select": ["newest"],
    "elbo_samples": [0],
    "iwae_k": [0, 1e3],
    "target_nll": ["86.76", float("nan")],
    "target_rule": ["about"],
    "target_tolerance": [-0.1],
    "ais_images": [-1, 1, 2.5],
    "ais_steps": [0],
    "compress_images": [-1, 1, 2.5],
    "fid_samples": [1],
    "fid_inception": ["yes", True],
    "gate": [None, "all"],
    "register_as": [None, "a/b", "vae:1"],
}


def test_every_hyperparameter_has_values_that_are_rejected():
    assert WRONG.keys() == Hyperparameters.model_fields.keys()


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in WRONG.items() for value in values]
)
def test_error_for_a_wrong_value_is_one_line_with_key_value_and_what_is_allowed(key, value):
    with pytest.raises(VaelineError) as caught:
        validated(Hyperparameters, {key: value})
    message = str(caught.value)
    assert message.startswith(f"params.yaml: {key} = {value!r} is not allowed: ")
    assert len(message) > len(f"params.yaml: {key} = {value!r} is not allowed: ")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("key", "value"), [("beta", 4), ("kl_warmup_epochs", 0), ("grad_clip", 1), ("seed", 0), ("notes", "")]
)
def test_an_integer_is_accepted_for_a_float(key, value):
    assert getattr(validated(Hyperparameters, {key: value}), key) == value


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [("betta", "beta"), ("latent_dims", "latent_dim"), ("lr", None), ("learning-rate", "learning_rate")],
)
def test_error_for_an_unknown_key_suggests_the_nearest_or_lists_all(key, suggestion):
    with pytest.raises(VaelineError, match=rf"^here\.yaml: unknown key '{key}'") as caught:
        validated(Hyperparameters, {key: 1}, "here.yaml")
    expected = f"(did you mean '{suggestion}'?)" if suggestion else "(known: experiment_name, notes, seed, "
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_hyperparameters_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Hyperparameters().beta = 3.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no such file"),
        ("", "expected 'key: value' lines, found nothing"),
        ("- 1\n- 2\n", "found a list"),
        ("beta 4", "found a single value"),
        ("a: [1, 2\nb: 3", "not readable as YAML"),
        ("a: 1\n\tb: 2", "not readable as YAML"),
        ("beta: 1\nseed: 2\nbeta: 4", "duplicate key"),
    ],
)
def test_error_for_an_unreadable_file_is_one_line_with_its_name(tmp_path, text, message):
    path = tmp_path / "params.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(VaelineError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_text_is_rejected(tmp_path):
    (tmp_path / "params.yaml").write_bytes(b"beta: \xff\xfe")
    with pytest.raises(VaelineError, match="not readable as YAML"):
        read_yaml(tmp_path / "params.yaml")


@pytest.mark.parametrize("text", ["1e-5", "1e-05", "1E-5", "1.0e-5", "0.00001"])
def test_a_number_in_scientific_notation_is_a_number_as_in_dvc(tmp_path, text):
    """DVC reads and writes YAML 1.2: `-S learning_rate=1e-5` puts `1e-05` into params.yaml."""
    (tmp_path / "params.yaml").write_text(f"learning_rate: {text}\n")
    values = read_yaml(tmp_path / "params.yaml")
    assert validated(Hyperparameters, values).learning_rate == 1e-5


PIPELINE = {
    "stages": {
        "train": {"cmd": "x", "params": ["beta", "room"]},
        "evaluate": {"cmd": "x", "params": ["iwae_k"]},
        "gather": {"cmd": "x"},
    }
}
PARAMS = {"beta": 2, "iwae_k": 5, "room": {"name": "large"}}


@pytest.fixture
def load(tmp_path):
    def loaded(stage: str, params: dict | str) -> StageParams:
        text = params if isinstance(params, str) else yaml.safe_dump(params)
        (tmp_path / "params.yaml").write_text(text)
        (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(PIPELINE))
        return StageParams.load(stage, tmp_path / "params.yaml", tmp_path / "dvc.yaml")

    return loaded


def test_a_stage_gets_the_params_that_dvc_yaml_lists_and_no_others(load):
    params = load("train", PARAMS)
    assert params.to_dict() == {"beta": 2.0, "room": {"name": "large"}}
    assert (params.beta, params.room) == (2.0, {"name": "large"})
    with pytest.raises(AttributeError, match=r"'iwae_k' is not a param of this stage: list it .* dvc\.yaml"):
        _ = params.iwae_k
    assert load("evaluate", PARAMS).to_dict() == {"iwae_k": 5}
    assert load("gather", PARAMS).to_dict() == {}


def test_every_stage_rejects_a_wrong_value(load):
    """Also one that does not use it: a typo should not wait for the end of the training."""
    with pytest.raises(VaelineError, match=r"params\.yaml: iwae_k = 0 is not allowed"):
        load("train", PARAMS | {"iwae_k": 0})
    with pytest.raises(VaelineError, match=r"params\.yaml: unknown key 'betta' \(did you mean 'beta'\?\)"):
        load("evaluate", PARAMS | {"betta": 1.0})


def test_error_for_a_missing_section_names_it(load):
    with pytest.raises(VaelineError, match="the section 'room' is missing"):
        load("train", {"beta": 2})


def test_error_for_a_misspelt_section_names_it(load):
    with pytest.raises(VaelineError, match="unknown key 'rooom'"):
        load("train", {"beta": 2, "rooom": {"name": "large"}})


def test_a_gate_on_an_unknown_finding_is_rejected():
    with pytest.raises(VaelineError, match=r"^params\.yaml: gate\.1 = 'collapse' is not allowed: .*'holes'"):
        validated(Hyperparameters, {"gate": ["all", "collapse"]})


@pytest.mark.parametrize("word", ["off", "no", "yes", "on"])
def test_off_and_yes_are_words_as_in_dvc(tmp_path, word):
    (tmp_path / "params.yaml").write_text(f"notes: {word}\n")
    assert read_yaml(tmp_path / "params.yaml") == {"notes": word}


def test_changing_the_dict_of_stage_params_does_not_change_them():
    params = StageParams({"beta": 1.0})
    params.to_dict()["beta"] = 2.0
    assert params.beta == 1.0


@pytest.mark.parametrize("warmup", [0.0, 3.0])
def test_kl_cycles_that_never_reach_beta_are_rejected(warmup):
    values = {"kl_schedule": "cyclical", "kl_warmup_epochs": warmup, "epochs": 10, "kl_cycles": 4}
    with pytest.raises(VaelineError, match=r"^params.yaml: kl_schedule = 'cyclical' needs .* = 2.5, found"):
        validated(Hyperparameters, values)
    assert validated(Hyperparameters, values | {"kl_warmup_epochs": 2.5}).kl_cycles == 4
