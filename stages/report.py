"""report: gathers every stage's metrics, params, pictures and history into one page and into MLflow."""

from pathlib import Path

import pandas as pd

from vaeline.config import ExperimentConfig
from vaeline.core.files import read_json, write_json, write_text
from vaeline.core.params import StageParams, validated
from vaeline.data.prepared import Prepared
from vaeline.diagnosis.finding import findings_text, load_findings, save_findings
from vaeline.diagnosis.remedy_commands import with_remedy_commands
from vaeline.models.checkpoints import DIRECTORY
from vaeline.provenance.origin import changes_text, committed_params, experiment_tags, origin_tags
from vaeline.reporting import summary as report
from vaeline.reporting.page.report import run_page
from vaeline.reporting.page.run import RunResults
from vaeline.runtime.stage import run_stage
from vaeline.tracking.completion import complete_run
from vaeline.tracking.description import run_description, verdict_tag
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.inputs import run_inputs
from vaeline.tracking.runs.naming import part_tags, run_name
from vaeline.training import history

OUTPUTS = Path("outputs")


def main(params: StageParams) -> None:
    config = validated(ExperimentConfig, params.to_dict()).to_dict()
    metrics = report.gather(OUTPUTS)
    training = read_json(OUTPUTS / "train" / "run.json")
    summary = {"metrics": metrics, "params": config, "training": training, "evaluation": origin_tags()}
    write_json(OUTPUTS / "report" / "summary.json", summary)
    found = with_remedy_commands(load_findings(OUTPUTS / "diagnose" / "findings.json"), config)
    save_findings(OUTPUTS / "report" / "findings.json", found)
    pictures = report.copy_pictures(OUTPUTS)
    log = (OUTPUTS / "train" / "training.log").read_text()
    written = report.summary_markdown(metrics, config, changes_text(config), found, pictures, log)
    write_text(OUTPUTS / "report" / "summary.md", written)
    made = RunResults.read(OUTPUTS / "report", run_name(config))
    html = run_page(made, committed_params(), experiment_tags().get("dvc.experiment", ""))
    write_text(OUTPUTS / "report" / "report.html", html)
    row = RunContent(
        name=run_name(config),
        params=config,
        tags=origin_tags() | experiment_tags() | part_tags(config) | report.words(metrics),
        metrics=report.numbers(metrics) | {"train/seconds": training["seconds"]},
        curves=history.epoch_curves(pd.read_csv(OUTPUTS / "train" / "history.csv")),
        artifacts=report.artifacts(OUTPUTS),
        pictures=report.stage_pictures(OUTPUTS),
        inputs=run_inputs(Prepared.open()),
        checkpoint=DIRECTORY / f"{params.select}.pt",
        verdict=verdict_tag(found),
        note=run_description(params.notes, config, found, report.headline_rows(metrics), origin_tags()),
    )
    complete_run(params.experiment_name, training["run_id"], row)
    print(report.headline_text(metrics))
    print(findings_text(found))


if __name__ == "__main__":
    run_stage("report", main)
