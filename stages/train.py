"""train: fits the model, and keeps its checkpoints and history; resumes where a killed run stopped."""

from collections.abc import Iterable

from vaeline.core.files import write_json
from vaeline.core.params import StageParams
from vaeline.data.prepared import Prepared
from vaeline.models.checkpoints import DIRECTORY, model_facts
from vaeline.provenance.fingerprint import fingerprint
from vaeline.runtime import processes
from vaeline.runtime.stage import run_stage, trainings
from vaeline.tracking.logged_training import train_to_the_end
from vaeline.training.beginning import begin_training
from vaeline.training.history import TRAINING_OUTPUT, write_history
from vaeline.training.record import Record
from vaeline.training.resume import Scratch
from vaeline.training.state import Training


def main(params: StageParams) -> None:
    data = Prepared.open()
    training, epochs = begin_training(params, data)
    if processes.leads():
        lead(training, epochs, data, params)
    else:
        training.load_state_dict(processes.from_first(None))
        for _ in epochs:
            pass


def lead(training: Training, epochs: Iterable[Record], data: Prepared, params: StageParams) -> None:
    key, facts = fingerprint("train", params), model_facts(params, data)
    with Scratch.open(trainings(), key, facts, params.checkpoint_every) as scratch:
        records = scratch.resume(training)
        processes.from_first(training.state_dict())
        write_history(TRAINING_OUTPUT, records, durable=False)
        result = scratch.result or train_to_the_end(training, epochs, records, scratch, data, params)
        scratch.finish(result)
        write_history(TRAINING_OUTPUT, records)
        scratch.publish(DIRECTORY)
        write_json(TRAINING_OUTPUT / "run.json", result)


if __name__ == "__main__":
    run_stage("train", main)
