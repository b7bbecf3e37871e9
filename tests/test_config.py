import json

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from tests.conftest import ROOT
from tests.support.small import merged
from vaeline.config import TABLES, ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.params import flatten_params, param_text

CHANGED = merged(
    ExperimentConfig().to_dict(),
    {
        "notes": "quotes \" ' : # and ümlauts\nin two lines",
        "seed": 2**40,
        "learning_rate": 1e-5,
        "beta": 4.0,
        "lr_schedule": "one_cycle",
        "data": {"name": "digits", "train_size": 100},
        "network": {"name": "conv", "batch_norm": True, "mlp": {"taper": 0.25}},
        "likelihood": {"bernoulli": {"binarization": "grey"}},
    },
)


def test_params_yaml_has_every_option_with_its_default():
    """Key for key: `dvc exp run -S` can only set keys that are in it."""
    written = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert written == ExperimentConfig().to_dict()
    assert ExperimentConfig.load(ROOT / "params.yaml") == ExperimentConfig()


@pytest.mark.parametrize("key", ["gate", "data.table.columns", "data.arrays.range"])
def test_a_list_can_be_set_and_set_back_by_dvc(tmp_path, key):
    """DVC's -S wrote no YAML for an empty list at the margin with a comment beside it."""
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text())
    default = param_text(flatten_params(ExperimentConfig().to_dict())[key])
    for value in ("[1,2]", default, "[3]", default):
        apply_overrides(path, [f"{key}={value}"])
    assert yaml.safe_load(path.read_text()) == ExperimentConfig().to_dict()


def test_every_part_of_every_table_can_be_chosen():
    for table in TABLES:
        for name in table:
            config = ExperimentConfig.model_validate({table.section: {"name": name}})
            assert getattr(config, table.section).name == name


@pytest.mark.parametrize("name", ["config.yaml", "config.json"])
@pytest.mark.parametrize("values", [{}, CHANGED], ids=["defaults", "changed"])
def test_a_saved_config_loads_equal(tmp_path, name, values):
    config = ExperimentConfig.model_validate(values)
    config.save(tmp_path / name)
    assert ExperimentConfig.load(tmp_path / name) == config
    if name.endswith("json"):
        assert json.loads((tmp_path / name).read_text()) == config.to_dict()


@pytest.mark.parametrize(
    "text", ["learning_rate: 1e-5", "data: {name: mnist}", "# nothing but a comment\nseed: 1"]
)
def test_keys_that_a_file_omits_have_their_defaults(tmp_path, text):
    (tmp_path / "some.yaml").write_text(text)
    assert ExperimentConfig.load(tmp_path / "some.yaml").epochs == 30


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"betta": 1}, "unknown key 'betta' (did you mean 'beta'?)"),
        ({"prio": {"name": "standard_normal"}}, "unknown key 'prio' (did you mean 'prior'?)"),
        ({"network": {"mlp": {"dept": 3}}}, "unknown key 'network.mlp.dept' (did you mean 'depth'?)"),
        ({"network": {"mlp": {"depth": 0}}}, "network.mlp.depth = 0 is not allowed"),
        ({"network": {"mlp": {"taper": 1.5}}}, "network.mlp.taper = 1.5 is not allowed"),
        ({"network": {"batch_norm": "yes"}}, "network.batch_norm = 'yes' is not allowed"),
        ({"network": {"batch_norm": 1}}, "network.batch_norm = 1 is not allowed"),
        ({"network": {"conv": {"channels": 0}}}, "network.conv.channels = 0 is not allowed"),
        ({"network": {"activation": "gelu"}}, "network.activation = 'gelu' is not allowed"),
        (
            {"likelihood": {"bernoulli": {"binarization_seed": -1}}},
            "likelihood.bernoulli.binarization_seed = -1",
        ),
        ({"likelihood": {"poisson": {}}}, "unknown key 'likelihood.poisson'"),
        ({"data": {"name": "imagenet"}}, "data.name = 'imagenet' is not allowed"),
        ({"posterior": {"diagonal": {"log_var_bias": "low"}}}, "posterior.diagonal.log_var_bias = 'low'"),
        ({"prior": "standard_normal"}, "prior = 'standard_normal' is not allowed"),
        ({"model": None}, "model = None is not allowed"),
        ({"beta": -1}, "beta = -1 is not allowed: input should be greater than or equal to 0"),
    ],
    ids=str,
)
def test_error_for_a_wrong_file_is_one_line_with_its_name(tmp_path, values, message):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(VaelineError) as caught:
        ExperimentConfig.load(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_a_config_is_frozen_at_every_depth():
    config = ExperimentConfig()
    for holder, key in ((config, "beta"), (config.network, "init"), (config.network.mlp, "depth")):
        with pytest.raises(ValueError, match="frozen"):
            setattr(holder, key, getattr(holder, key))


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "config.yaml"
    ExperimentConfig().save(path)
    before = path.read_text()

    def fails(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("vaeline.core.files.os.fsync", fails)
    with pytest.raises(OSError, match="Input/output"):
        ExperimentConfig(beta=2.0).save(path)
    assert path.read_text() == before
