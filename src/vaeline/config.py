"""The whole of params.yaml as one typed, frozen and strictly validated object."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import create_model
from ruamel.yaml import YAML

from vaeline.core.files import replacing, write_json
from vaeline.core.params import Hyperparameters, validated
from vaeline.core.yaml import read_yaml
from vaeline.data.catalog import DATASETS
from vaeline.models.catalog import MODELS, unread_params
from vaeline.models.likelihoods.catalog import LIKELIHOODS
from vaeline.models.networks.catalog import NETWORKS
from vaeline.models.posteriors.catalog import POSTERIORS
from vaeline.models.priors.catalog import PRIORS
from vaeline.training.objectives.catalog import OBJECTIVES
from vaeline.training.optimizers.catalog import OPTIMIZERS

TABLES = (DATASETS, MODELS, NETWORKS, POSTERIORS, PRIORS, LIKELIHOODS, OBJECTIVES, OPTIMIZERS)


if TYPE_CHECKING:
    Parameters = Hyperparameters
else:  # the sections' types are made of the tables' parts, which a type checker cannot see
    Parameters = create_model(
        "Parameters",
        __base__=Hyperparameters,
        **{table.section: (table.Section, table.Section()) for table in TABLES},
    )


class ExperimentConfig(Parameters):
    """Every hyperparameter of an experiment: `Hyperparameters`, and a section for each table of parts.

    Each has a default, and none takes an unknown key.
    """

    def to_dict(self) -> dict[str, Any]:
        """Returns the params as plain values."""
        return self.model_dump()

    def save(self, path: Path | str) -> None:
        """Writes YAML, or JSON if the name ends in .json; `load` returns an equal object."""
        if Path(path).suffix == ".json":
            write_json(path, self.to_dict())
            return
        with replacing(path) as temporary:
            YAML().dump(self.to_dict(), temporary)

    @classmethod
    def load(cls, path: Path | str = "params.yaml") -> Self:
        """Reads a YAML or JSON file; raises VaelineError for the first value that is wrong."""
        return validated(cls, read_yaml(path), str(path))

    def unread(self) -> list[str]:
        """Returns a line for each param that is not at its default and that no chosen part reads."""
        return unread_params(self.to_dict(), (DATASETS, OBJECTIVES, OPTIMIZERS))
