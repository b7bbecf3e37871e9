"""A training to its end: after each epoch its state is kept, its history written, and its run logged."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vaeline.core.params import StageParams
from vaeline.data.prepared import Prepared
from vaeline.provenance.origin import origin_tags
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.inputs import run_inputs
from vaeline.tracking.runs.naming import part_tags, run_name
from vaeline.tracking.training_run import TrainingRun, new_training_key
from vaeline.training.companion import Companion
from vaeline.training.history import TRAINING_OUTPUT, epoch_curves, history_table, write_history
from vaeline.training.record import Record
from vaeline.training.resume import Scratch
from vaeline.training.state import Training
from vaeline.training.warm_start import warm_start_tags


def training_content(
    params: Mapping[str, Any], data: Prepared, origin: Mapping[str, str], records: Sequence[Record]
) -> RunContent:
    """Returns what the run of a training holds when it is opened: name, params, tags, inputs, and its past.

    The epochs before are in it, since a process that was killed may have kept one and not logged it. When a
    search ends the training early, the same run goes on with another `stop_after`: the report logs that one.
    """
    logged = {key: value for key, value in params.items() if key != "stop_after"}
    tags = {**origin, **part_tags(params), "data": data.name}
    curves = epoch_curves(history_table(records))
    return RunContent(run_name(params), logged, tags, curves=curves, inputs=run_inputs(data))


def train_to_the_end(
    training: Training,
    epochs: Iterable[Record],
    records: list[Record],
    scratch: Scratch,
    data: Prepared,
    params: StageParams,
) -> dict[str, Any]:
    """Goes through `epochs`, and keeps the state, the history and an MLflow run up to date after each.

    Args:
        training: what `epochs` train.
        epochs: those of `training.fit`.
        records: of the epochs before, to which those of `epochs` are added.
        scratch: where the state is kept.
        data: what is trained on.
        params: of the train stage.

    Returns:
        The content of run.json: the id of the run, the seconds that the epochs took, and their origin.
    """
    scratch.run_id = scratch.run_id or new_training_key()
    origin = origin_tags() | warm_start_tags(params.init_from)
    content = training_content(params.to_dict(), data, origin, records)
    with (
        TrainingRun.open(params.experiment_name, content, scratch.run_id) as run,
        Companion(params.to_dict(), records) as companion,
    ):
        for record in companion.follow(epochs, training, run.artifacts):
            records.append(record)
            scratch.save(training, records)
            write_history(TRAINING_OUTPUT, records, durable=False)
            run.curves(epoch_curves(history_table(records)))
        run.artifacts({str(scratch.checkpoints / f"{name}.pt"): "checkpoints" for name in ("best", "last")})
    return {"run_id": run.id, "seconds": training.seconds, **origin}
