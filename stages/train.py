"""train: fits the model, and keeps its checkpoints and history; resumes where a killed run stopped."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vaeline.core.files import write_json
from vaeline.core.params import StageParams
from vaeline.data.prepared import Prepared
from vaeline.evaluation.observing import evaluation_set, training_set
from vaeline.models import checkpoints
from vaeline.provenance.fingerprint import fingerprint
from vaeline.provenance.origin import origin_tags
from vaeline.runtime import processes
from vaeline.runtime.seeding import set_seed
from vaeline.runtime.stage import run_stage, trainings
from vaeline.tracking.training_content import training_content
from vaeline.tracking.training_run import TrainingRun, new_training_key
from vaeline.training.build import build
from vaeline.training.companion import Companion
from vaeline.training.fit import fit
from vaeline.training.history import epoch_curves, history_table, write_history
from vaeline.training.record import Record
from vaeline.training.resume import Scratch
from vaeline.training.state import Training

OUTPUT = Path("outputs/train")


def main(params: StageParams) -> None:
    set_seed(params.seed)
    data = Prepared.open()
    model, objective = build(params, data)
    images, valid = training_set(model, data.train), evaluation_set(model, data.valid)
    training = Training.start(model, objective, params, len(images))
    epochs = fit(training, images, valid, params)
    if processes.leads():
        lead(training, epochs, data, params)
    else:
        training.load_state_dict(processes.from_first(None))
        for _ in epochs:
            pass


def lead(training: Training, epochs: Iterable[Record], data: Prepared, params: StageParams) -> None:
    key, model_facts = fingerprint("train", params), checkpoints.model_facts(params, data)
    with Scratch.open(trainings(), key, model_facts, params.checkpoint_every) as scratch:
        records = scratch.resume(training)
        processes.from_first(training.state_dict())
        write_history(OUTPUT, records, durable=False)
        result = scratch.result or train_to_the_end(training, epochs, records, scratch, data, params)
        scratch.finish(result)
        write_history(OUTPUT, records)
        scratch.publish(checkpoints.DIRECTORY)
        write_json(OUTPUT / "run.json", result)


def train_to_the_end(
    training: Training,
    epochs: Iterable[Record],
    records: list[Record],
    scratch: Scratch,
    data: Prepared,
    params: StageParams,
) -> dict[str, Any]:
    """Trains to the end in an MLflow run, and returns the content of run.json."""
    scratch.run_id = scratch.run_id or new_training_key()
    content = training_content(params.to_dict(), data)
    with (
        TrainingRun.open(params.experiment_name, content, scratch.run_id) as run,
        Companion(params.to_dict(), records) as companion,
    ):
        for record in companion.follow(epochs, training, run.artifacts):
            records.append(record)
            scratch.save(training, records)
            write_history(OUTPUT, records, durable=False)
            run.curves(epoch_curves(history_table(records)))
        run.artifacts({str(scratch.checkpoints / f"{name}.pt"): "checkpoints" for name in ("best", "last")})
    return {"run_id": run.id, "seconds": training.seconds, **origin_tags()}


if __name__ == "__main__":
    run_stage("train", main, shared=True)
