"""A run, completed by its report."""

from pathlib import Path

from PIL import Image

from vaeline.tracking.description import renewed_description
from vaeline.tracking.packaging import log_model
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.failures import warn_not_logged
from vaeline.tracking.runs.store import PARENT_RUN, TRAINING_RUN, Store, holds_another, milliseconds_now
from vaeline.tracking.runs.values import LONGEST_TAG, kept_text

NOTE = "mlflow.note.content"
"""The tag that MLflow displays as the description of a run."""


def complete_run(experiment: str, training_run: str, content: RunContent) -> str:
    """Logs `content` as the run of an experiment.

    The run of the training is completed, unless it already belongs to another experiment that shares the
    training. Then a child run is opened, or the child that holds exactly this content is completed.

    Args:
        experiment: Name of the MLflow experiment.
        training_run: Id of the run of the training, which the store may not have, or the training's key.
        content: Everything that the run is to hold.

    Returns:
        The id of the run, or "" if the tracking server is unreachable; one warning is printed then.
    """
    try:
        store = Store(experiment)
        with store.alone():
            return _complete(store, training_run, content)
    except Exception as error:  # whatever a server, a proxy or a database may raise
        warn_not_logged(error)
        return ""


def _complete(store: Store, training_run: str, content: RunContent) -> str:
    parent = store.training(training_run)
    for run in (parent, *store.children(training_run)):
        if run and not holds_another(run, content) and store.claim(run, content):
            _write(store, run.info.run_id, content)
            return run.info.run_id
    tags = {TRAINING_RUN: training_run} | ({PARENT_RUN: parent.info.run_id} if parent else {})
    run_id = store.create(content, tags)
    _write(store, run_id, content)
    return run_id


def _write(store: Store, run_id: str, content: RunContent) -> None:
    """Writes the content, and ends the run, also if the server was unreachable when the training ended."""
    try:
        _write_content(store, run_id, content)
    finally:
        store.client.update_run(run_id, name=content.name)
        store.finish(run_id)


def _write_content(store: Store, run_id: str, content: RunContent) -> None:
    now = milliseconds_now()
    run = store.client.get_run(run_id)
    store.write(run_id, content, now)
    if content.verdict:
        store.client.set_tag(run_id, "verdict", content.verdict)
    if content.note:
        note = renewed_description(run.data.tags.get(NOTE, ""), content.note)
        store.client.set_tag(run_id, NOTE, kept_text(note, LONGEST_TAG))
    _log_pictures(store, run_id, content)
    # Last: a server older than MLflow 3 fails here, and has everything else by then.
    if content.checkpoint and not (run.outputs and run.outputs.model_outputs):
        log_model(store, run_id, content)


def _log_pictures(store: Store, run_id: str, content: RunContent) -> None:
    """Logs pictures where MLflow's image grid displays those of several runs side by side."""
    logged = " ".join(Path(file.path).name for file in store.client.list_artifacts(run_id, "images"))
    step = content.last_epoch
    for name, path in content.pictures.items():
        if f"{name.replace('/', '~')}+step+{step}+" not in logged:
            with Image.open(path) as image:
                store.client.log_image(run_id, image, key=name, step=step)
