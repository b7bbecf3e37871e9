"""report: gathers every stage's metrics, params, pictures and history into one page and into MLflow."""

from pathlib import Path

import pandas as pd

from vaeline.config import ExperimentConfig
from vaeline.core.files import read_json, write_json, write_text
from vaeline.core.params import Handed, validated
from vaeline.data.prepared import Prepared
from vaeline.diagnosis.finding import load, save, text
from vaeline.diagnosis.remedy_commands import with_commands
from vaeline.models.checkpoints import DIRECTORY
from vaeline.provenance.origin import changes, committed, experiment, tags
from vaeline.reporting import summary as report
from vaeline.reporting.page.report import page
from vaeline.reporting.page.run import Run
from vaeline.runtime.stage import run
from vaeline.tracking import describing
from vaeline.tracking.inputs import inputs
from vaeline.tracking.runs import complete
from vaeline.tracking.store import Report
from vaeline.training import history

OUTPUTS = Path("outputs")


def main(params: Handed) -> None:
    config = validated(ExperimentConfig, params.to_dict()).to_dict()
    metrics = report.gather(OUTPUTS)
    training = read_json(OUTPUTS / "train" / "run.json")
    summary = {"metrics": metrics, "params": config, "training": training, "evaluation": tags()}
    write_json(OUTPUTS / "report" / "summary.json", summary)
    found = with_commands(load(OUTPUTS / "diagnose" / "findings.json"), config)
    save(OUTPUTS / "report" / "findings.json", found)
    pictures = report.copy_pictures(OUTPUTS)
    log = (OUTPUTS / "train" / "training.log").read_text()
    written = report.summary(metrics, config, changes(config), found, pictures, log)
    write_text(OUTPUTS / "report" / "summary.md", written)
    made = Run.read(OUTPUTS / "report", describing.name(config))
    html = page(made, committed(), experiment().get("dvc.experiment", ""))
    write_text(OUTPUTS / "report" / "report.html", html)
    row = Report(
        name=describing.name(config),
        params=config,
        tags=tags() | experiment() | describing.parts(config) | report.words(metrics),
        metrics=report.numbers(metrics) | {"train/seconds": training["seconds"]},
        curves=history.curves(pd.read_csv(OUTPUTS / "train" / "history.csv")),
        artifacts=report.artifacts(OUTPUTS),
        pictures=report.pictures(OUTPUTS),
        inputs=inputs(Prepared.open()),
        checkpoint=DIRECTORY / f"{params.select}.pt",
        verdict=describing.verdict(found),
        note=describing.description(params.notes, config, found, report.headlines(metrics), tags()),
    )
    complete(params.experiment_name, training["run_id"], row)
    print(report.headline(metrics))
    print(text(found))


if __name__ == "__main__":
    run("report", main)
