"""The whole of params.yaml as one typed, frozen and strictly validated object."""

from pathlib import Path
from typing import Any, Self

from ruamel.yaml import YAML

from vaeline.core.files import replacing, write_json
from vaeline.core.params import Hyperparameters, read_yaml, validated
from vaeline.data.catalog import DATASETS
from vaeline.models.catalog import MODELS
from vaeline.models.likelihoods.catalog import LIKELIHOODS
from vaeline.models.networks.catalog import NETWORKS
from vaeline.models.posteriors.catalog import POSTERIORS
from vaeline.models.priors.catalog import PRIORS
from vaeline.training.objectives.catalog import OBJECTIVES
from vaeline.training.optimizers.catalog import OPTIMIZERS

TABLES = (DATASETS, MODELS, NETWORKS, POSTERIORS, PRIORS, LIKELIHOODS, OBJECTIVES, OPTIMIZERS)


class ExperimentConfig(Hyperparameters):
    """Every hyperparameter of an experiment; each has a default, and none takes an unknown key."""

    data: DATASETS.Section = DATASETS.Section()
    model: MODELS.Section = MODELS.Section()
    network: NETWORKS.Section = NETWORKS.Section()
    posterior: POSTERIORS.Section = POSTERIORS.Section()
    prior: PRIORS.Section = PRIORS.Section()
    likelihood: LIKELIHOODS.Section = LIKELIHOODS.Section()
    objective: OBJECTIVES.Section = OBJECTIVES.Section()
    optimizer: OPTIMIZERS.Section = OPTIMIZERS.Section()

    def to_dict(self) -> dict[str, Any]:
        """Returns the configuration as plain values."""
        return self.model_dump()

    def save(self, path: Path | str) -> None:
        """Writes YAML, or JSON where the name ends in .json; `load` gives back an equal configuration."""
        if Path(path).suffix == ".json":
            write_json(path, self.to_dict())
            return
        with replacing(path) as temporary:
            YAML().dump(self.to_dict(), temporary)

    @classmethod
    def load(cls, path: Path | str = "params.yaml") -> Self:
        """Reads a YAML or JSON file; raises VaelineError, in one line, for the first thing wrong in it."""
        return validated(cls, read_yaml(path), str(path))
