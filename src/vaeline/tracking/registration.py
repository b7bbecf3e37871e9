"""MLflow's registry of models: a version for each run that passes its gate, and the best as champion."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vaeline.core.errors import VaelineError
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.failures import failure_reason
from vaeline.tracking.runs.location import store_name
from vaeline.tracking.runs.mlflow_api import MlflowException, ModelVersion
from vaeline.tracking.runs.naming import part_tags
from vaeline.tracking.runs.store import Store, holds_another

CHAMPION = "champion"
"""The alias of the best version, as in models:/NAME@champion."""
VALID_ELBO, ELBO_OF = "valid_elbo", "valid_elbo_of"
"""Tags of a version: the validation ELBO in nats, and what it is the ELBO of."""
SELECTED_ELBO = {"best": "train/best_valid_elbo", "last": "train/valid_elbo"}
"""The metric of the checkpoint that `select` names."""
AGAIN = "`dvc repro --force --single-item gate`"


@dataclass(frozen=True)
class Candidate:
    """A run as its report has summed it up: what is registered, and what versions are compared by.

    Attributes:
        params: Nested.
        metrics: By `<stage>/<name>`.
        training_run: Id of the run of the training, or the training's key.
        tags: The tags that tell the run from others of the same training.
    """

    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    training_run: str
    tags: Mapping[str, str]

    @property
    def valid_elbo(self) -> float:
        """The validation ELBO of the selected checkpoint, in nats."""
        return float(self.metrics[SELECTED_ELBO[self.params["select"]]])

    @property
    def elbo_of(self) -> str:
        """What the ELBO is of: two are comparable if this is the same."""
        given = " given labels" if "fid/conditional_accuracy" in self.metrics else ""
        data = f"{self.metrics['prepare/data']} {self.metrics['prepare/valid_sha256'][:12]}"
        return f"{data}, {self.params['likelihood']['name']}{given}"

    def content(self) -> RunContent:
        """Returns what identifies the run in MLflow."""
        numbers = {key: value for key, value in self.metrics.items() if not isinstance(value, str)}
        return RunContent("", self.params, self.tags, numbers)


def register_model(name: str, candidate: Candidate) -> str:
    """Registers the model of a run, unless it is, and moves the champion to it if it is better.

    Better is a higher validation ELBO, of the same images and the same kind of likelihood.

    Args:
        name: The name of the registered model.
        candidate: The run; its report has logged its model.

    Returns:
        One line that says which version it is, and which is the champion.

    Raises:
        VaelineError: The store cannot be reached, or does not have the run's model.
    """
    try:
        store = Store(candidate.params["experiment_name"])
        with store.alone():
            version = _version(store, name, *_logged_model(store, candidate), candidate)
            return f"{name} version {version.version} in {store_name()}; {_crown(store, version)}"
    except VaelineError:
        raise
    except Exception as error:  # whatever a server, a proxy or a database may raise
        raise VaelineError(
            f"the gate is passed, but '{name}' was not registered ({failure_reason(error)}): {AGAIN}"
        ) from error


def _logged_model(store: Store, candidate: Candidate) -> tuple[str, str]:
    """Returns the id of the run, and of the model that it has logged.

    That is a run of this experiment, or else of an earlier one with the same params and metrics: DVC restores
    the report of such an experiment without running it.
    """
    runs = (store.training(candidate.training_run), *store.children(candidate.training_run))
    logged = [
        (run, run.outputs.model_outputs[0].model_id)
        for run in runs
        if run and run.outputs and run.outputs.model_outputs
    ]
    own = candidate.content()
    for content in (own, replace(own, tags={})):
        for run, model_id in logged:
            if not holds_another(run, content):
                return run.info.run_id, model_id
    raise VaelineError(
        f"{store_name()} has no model of this run to register: `dvc repro --force --single-item report` logs "
        f"it, then {AGAIN}"
    )


def _version(store: Store, name: str, run_id: str, model_id: str, candidate: Candidate) -> ModelVersion:
    """Returns the version of the registered model that is the model of a run, after making it if needed."""
    client = store.client
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for version in client.search_model_versions(f"name = '{name}'"):
        if version.run_id == run_id:
            return version
    tags = part_tags(candidate.params) | {VALID_ELBO: repr(candidate.valid_elbo), ELBO_OF: candidate.elbo_of}
    # Not `models:/<id>`, which MLflow would look up in the store of its own choice.
    source = client.get_logged_model(model_id).artifact_location
    return client.create_model_version(name, source, run_id, tags, model_id=model_id)


def _crown(store: Store, version: ModelVersion) -> str:
    """Moves the alias if `version` is better than the champion; returns a clause that says who it is."""
    champion = _champion(store, version.name)
    if champion and champion.version == version.version:
        return "it is the champion"
    if champion and champion.tags.get(ELBO_OF) != version.tags[ELBO_OF]:
        return (
            f"the champion remains version {champion.version}, whose validation ELBO is not comparable "
            f"({champion.tags.get(ELBO_OF, 'not recorded')}; this one: {version.tags[ELBO_OF]})"
        )
    elbo = float(version.tags[VALID_ELBO])
    if champion and float(champion.tags[VALID_ELBO]) >= elbo:
        best = float(champion.tags[VALID_ELBO])
        return (
            f"the champion remains version {champion.version} (validation ELBO {best:.2f}, here {elbo:.2f})"
        )
    store.client.set_registered_model_alias(version.name, CHAMPION, version.version)
    before = f", before it version {champion.version}" if champion else ""
    return f"it is the champion now (validation ELBO {elbo:.2f}{before})"


def _champion(store: Store, name: str) -> ModelVersion | None:
    aliases = store.client.get_registered_model(name).aliases
    return store.client.get_model_version(name, aliases[CHAMPION]) if CHAMPION in aliases else None
