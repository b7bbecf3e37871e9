"""report: gathers every stage's metrics, params, pictures and history in one page and in MLflow."""

from pathlib import Path

from vaeline.config import ExperimentConfig
from vaeline.core.files import read_json, read_numbers
from vaeline.core.params import StageParams, validated
from vaeline.data.prepared import Prepared
from vaeline.diagnosis.finding import findings_text
from vaeline.models.checkpoints import DIRECTORY
from vaeline.provenance.origin import experiment_tags, origin_tags
from vaeline.reporting import summary
from vaeline.reporting.report_files import ReportContent
from vaeline.runtime.stage import run_stage
from vaeline.tracking.completion import complete_run
from vaeline.tracking.description import run_description, verdict_tag
from vaeline.tracking.runs.content import RunContent
from vaeline.tracking.runs.inputs import run_inputs
from vaeline.tracking.runs.naming import part_tags, run_name
from vaeline.training import history

OUTPUTS = Path("outputs")


def main(params: StageParams) -> None:
    values, origin = validated(ExperimentConfig, params.to_dict()).to_dict(), origin_tags()
    training = read_json(OUTPUTS / "train" / "run.json")
    report = ReportContent.gather(run_name(values), values, training, origin, OUTPUTS)
    report.write(OUTPUTS)
    metrics, findings = report.metrics, report.findings
    content = RunContent(
        name=report.name,
        params=values,
        tags=origin | experiment_tags() | part_tags(values) | summary.text_metrics(metrics),
        metrics=summary.numeric_metrics(metrics) | {"train/seconds": training["seconds"]},
        curves=history.epoch_curves(read_numbers(OUTPUTS / "train" / "history.csv", ["epoch", "step"])),
        artifacts=summary.run_artifacts(OUTPUTS),
        pictures=summary.stage_pictures(OUTPUTS),
        inputs=run_inputs(Prepared.open()),
        checkpoint=DIRECTORY / f"{params.select}.pt",
        verdict=verdict_tag(findings),
        note=run_description(params.notes, values, findings, summary.headline_table(metrics), origin),
    )
    complete_run(params.experiment_name, training["run_id"], content)
    print(summary.headline_text(metrics))
    print(findings_text(findings))


if __name__ == "__main__":
    run_stage("report", main)
