"""report: gathers every stage's metrics, params, pictures and history in one page and in MLflow."""

from pathlib import Path

import pandas as pd

from vaeline.config import ExperimentConfig
from vaeline.core.files import read_json, write_json, write_text
from vaeline.core.params import StageParams, validated
from vaeline.data.prepared import Prepared
from vaeline.data.reading.content import content_lines
from vaeline.diagnosis.finding import findings_text, load_findings, save_findings
from vaeline.diagnosis.remedy_commands import with_remedy_commands
from vaeline.models.checkpoints import DIRECTORY
from vaeline.provenance.origin import changes_text, committed_params, experiment_tags, origin_tags
from vaeline.reporting import summary
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
REPORT = OUTPUTS / "report"


def main(params: StageParams) -> None:
    values, origin = validated(ExperimentConfig, params.to_dict()).to_dict(), origin_tags()
    metrics = summary.gather_metrics(OUTPUTS)
    training = read_json(OUTPUTS / "train" / "run.json")
    data = Prepared.open()
    says = content_lines(data)
    written = {"metrics": metrics, "params": values, "training": training, "evaluation": origin, "data": says}
    write_json(REPORT / "summary.json", written)
    findings = with_remedy_commands(load_findings(OUTPUTS / "diagnose" / "findings.json"), values)
    save_findings(REPORT / "findings.json", findings)
    pictures = summary.copy_pictures(OUTPUTS)
    log = (OUTPUTS / "train" / "training.log").read_text()
    changes = changes_text(values)
    markdown = summary.summary_markdown(metrics, values, changes, findings, pictures, log, says)
    write_text(REPORT / "summary.md", markdown)
    results = RunResults.read(REPORT, run_name(values))
    html = run_page(results, committed_params(), experiment_tags().get("dvc.experiment", ""))
    write_text(REPORT / "report.html", html)
    content = RunContent(
        name=run_name(values),
        params=values,
        tags=origin | experiment_tags() | part_tags(values) | summary.text_metrics(metrics),
        metrics=summary.numeric_metrics(metrics) | {"train/seconds": training["seconds"]},
        curves=history.epoch_curves(pd.read_csv(OUTPUTS / "train" / "history.csv")),
        artifacts=summary.run_artifacts(OUTPUTS),
        pictures=summary.stage_pictures(OUTPUTS),
        inputs=run_inputs(data),
        checkpoint=DIRECTORY / f"{params.select}.pt",
        verdict=verdict_tag(findings),
        note=run_description(params.notes, values, findings, summary.headline_table(metrics), origin),
    )
    complete_run(params.experiment_name, training["run_id"], content)
    print(summary.headline_text(metrics))
    print(findings_text(findings))


if __name__ == "__main__":
    run_stage("report", main)
