"""train: fits the model, keeps checkpoints and the history; goes on where a killed run stood."""

from pathlib import Path

from vaeline.core.files import write_json
from vaeline.core.params import StageParams
from vaeline.data.prepared import Prepared
from vaeline.evaluation.observing import evaluation_set, training_set
from vaeline.models import checkpoints
from vaeline.provenance.fingerprint import fingerprint
from vaeline.provenance.origin import origin_tags
from vaeline.runtime import processes
from vaeline.runtime.seeding import rng_state, set_rng_state, set_seed
from vaeline.runtime.stage import run_stage, workspace
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.inputs import run_inputs
from vaeline.tracking.runs.naming import part_tags, run_name
from vaeline.tracking.training_run import TrainingRun
from vaeline.training import history
from vaeline.training.build import build
from vaeline.training.companion import Companion
from vaeline.training.fit import fit
from vaeline.training.resume import Scratch
from vaeline.training.state import Training

OUTPUT = Path("outputs/train")


def main(params: StageParams) -> None:
    set_seed(params.seed)
    data = Prepared.open()
    model, objective = build(params, data)
    images, valid = training_set(model, data.train), evaluation_set(model, data.valid)
    training = Training.start(model, objective, params, len(images))

    if not processes.leads():
        state, noise = processes.from_first(None)
        training.load_state_dict(state)
        set_rng_state(noise)
        for _ in fit(training, images, valid, params):
            pass
        return
    place = workspace() / ".scratch" / "train"
    made_of = checkpoints.model_facts(params, data)
    with Scratch.open(place, fingerprint("train", params), made_of, params.checkpoint_every) as scratch:
        records = scratch.resume(training)
        processes.from_first((training.state_dict(), rng_state()))
        report = RunContent(
            name=run_name(params.to_dict()),
            params=params.to_dict(),
            tags=origin_tags() | part_tags(params.to_dict()) | {"data": data.name},
            inputs=run_inputs(data),
        )
        with (
            TrainingRun.open(params.experiment_name, report, scratch.run_id) as mlflow_run,
            Companion(params.to_dict(), records) as companion,
        ):
            scratch.run_id = mlflow_run.id
            epochs = fit(training, images, valid, params)
            for record in companion.follow(epochs, training, mlflow_run.artifacts):
                records.append(record)
                scratch.save(training, records)
                mlflow_run.curves(history.epoch_curves(history.history_table(records)))
            history.write_history(OUTPUT, records)
            scratch.publish(checkpoints.DIRECTORY)
            mlflow_run.artifacts(
                {f"{checkpoints.DIRECTORY}/{name}.pt": "checkpoints" for name in ("best", "last")}
            )
            made = {"run_id": mlflow_run.id, "seconds": training.seconds, **origin_tags()}
            write_json(OUTPUT / "run.json", made)


if __name__ == "__main__":
    run_stage("train", main, shared=True)
