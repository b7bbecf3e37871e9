"""What a part reads of the params is what its class declares: compared with what it accesses."""

import itertools

import pytest
from pydantic import BaseModel

from tests.support.small import CLASSES, SHAPE, config, merged, split
from vaeline.config import ExperimentConfig
from vaeline.core.errors import VaelineError
from vaeline.core.params import StageParams, nest_params
from vaeline.core.registry import Table
from vaeline.core.scaling import BYTES
from vaeline.models.catalog import MODELS, OF_MODELS, read_params, unread_params
from vaeline.training.build import build
from vaeline.training.objectives.catalog import OBJECTIVES

PARTS = {table.section: table for table in (MODELS, *OF_MODELS, OBJECTIVES)}


class Recording:
    """A section that remembers what was read of it."""

    def __init__(self, section: BaseModel, name: str, accessed: set[str]) -> None:
        self._section, self._name, self._accessed = section, name, accessed

    def __getattr__(self, key: str):
        self._accessed.add(f"{self._name}.{key}")
        return getattr(self._section, key)


class RecordingParams(StageParams):
    """Params that remember which flat ones were read."""

    accessed: set[str]

    def __getattr__(self, key: str):
        value = super().__getattr__(key)
        if not isinstance(value, dict):
            self.accessed.add(key)
        return value


class Data:
    shape, classes, train = SHAPE, tuple(map(str, range(CLASSES))), split(60)
    scaling = BYTES


def accessed_by(chosen: dict[str, str], monkeypatch) -> set[str]:
    accessed: set[str] = set()
    parse = Table.parse

    def recorded(table: Table, section: BaseModel):
        return Recording(parse(table, section), table.section, accessed)

    monkeypatch.setattr(Table, "parse", recorded)
    params = RecordingParams(merged(config().to_dict(), nest_params(chosen)))
    params.accessed = accessed
    build(params, Data())
    return accessed


COMBINATIONS = [
    {"model.name": model, f"{table.section}.name": name}
    for model, table in itertools.product(MODELS, (*OF_MODELS, OBJECTIVES))
    for name in table
    if not (model == "vq" and table.section in ("posterior", "prior"))
]


@pytest.mark.parametrize("chosen", COMBINATIONS, ids=lambda chosen: "-".join(chosen.values()))
def test_declared_is_what_is_accessed(chosen, monkeypatch):
    declared = read_params(config(**nest_params(chosen)).to_dict(), [OBJECTIVES])
    try:
        accessed = accessed_by(chosen, monkeypatch)
    except VaelineError as error:  # a choice that is refused, or weights that this machine has not
        pytest.skip(str(error))
    options = {key for key in accessed if "." in key and not key.endswith(".name")}
    assert options <= declared
    unused = {key for key in declared if key.count(".") == 1 and not key.endswith(".name")} - options
    assert unused <= {"posterior.diagonal"}  # only vq, whose posterior is not read, would leave it out
    assert ("latent_dim" in declared) == ("latent_dim" in accessed)


def unread(**chosen: object) -> list[str]:
    changes = nest_params({key.replace("__", "."): value for key, value in chosen.items()})
    values = merged(ExperimentConfig().to_dict(), changes)
    return unread_params(ExperimentConfig.model_validate(values).to_dict(), [OBJECTIVES])


def test_param_that_no_chosen_part_reads_is_told():
    assert unread() == []
    assert unread(hidden_dim=800) == []
    assert unread(network__name="conv") == []
    (line,) = unread(hidden_dim=800, network__name="conv")
    assert line == "hidden_dim plays no part with network.name = 'conv'"
    (line,) = unread(network__conv__channels=8)
    assert line == "network.conv.channels plays no part with network.name = 'mlp'"
    assert unread(latent_dim=5, model__name="vq") == ["latent_dim plays no part with model.name = 'vq'"]
    assert unread(network__mlp__depth=3, network__name="conv", model__name="ladder") == []
    assert unread(posterior__diagonal__log_var_max=5.0, posterior__name="iaf") == []
    assert unread(likelihood__bernoulli__binarization="static", likelihood__name="pixelcnn") == []
    assert unread(objective__elbo__kl="drawn", objective__name="perceptual") == []
    assert unread(kl_cycles=2) == ["kl_cycles plays no part with kl_schedule = 'linear'"]
    assert unread(kl_cycles=2, kl_schedule="cyclical", kl_warmup_epochs=1.0) == []
    assert unread(lr_plateau_factor=0.1) == ["lr_plateau_factor plays no part with lr_schedule = 'constant'"]
    (line,) = unread(objective__dip__variant="i")
    assert line == "objective.dip.variant plays no part with objective.name = 'elbo'"


def test_the_whole_file_is_looked_at():
    changes = {"data": {"sprites": {"x": 3}}, "optimizer": {"soap": {"every": 7}}}
    values = merged(ExperimentConfig().to_dict(), changes)
    assert ExperimentConfig.model_validate(values).unread() == [
        "data.sprites.x plays no part with data.name = 'mnist'",
        "optimizer.soap.every plays no part with optimizer.name = 'adam'",
    ]
