"""diagnose: use of the latents, and findings on what went wrong, on the validation split."""

from pathlib import Path

from vaeline.core.files import write_csv, write_figure, write_json
from vaeline.core.yaml import read_yaml
from vaeline.data.prepared import Prepared
from vaeline.diagnosis.detection import run_detectors
from vaeline.diagnosis.finding import findings_text, save_findings
from vaeline.diagnosis.remedy_commands import with_remedy_commands
from vaeline.evaluation.diagnostics import Diagnostics
from vaeline.evaluation.params import TrainedModelParams
from vaeline.evaluation.samples.columns import ColumnRows, column_scores
from vaeline.evaluation.symptoms import read_history
from vaeline.evaluation.undefined import without_images, without_undefined
from vaeline.models import checkpoints
from vaeline.reporting.diagnosis_figures import diagnosis_figures
from vaeline.reporting.plots.curves import training_curves
from vaeline.runtime.devices import device
from vaeline.runtime.seeding import set_seed
from vaeline.runtime.stage import run_stage

OUTPUT = Path("outputs/diagnose")


def main(params: TrainedModelParams) -> None:
    set_seed(params.seed)
    model = checkpoints.load_selected(params.select).to(device(params.device))
    data = Prepared.open()
    history = read_history("outputs/train/history.csv")

    diagnostics = Diagnostics.of_model(model, data, history, Path("outputs/fid_reference/features"))
    left_out = without_images(data.shape, "sharpness, blurry reconstructions and pictures of samples")
    findings = run_detectors(diagnostics.metrics, model.config, noun=data.noun)
    findings = with_remedy_commands(findings, read_yaml("params.yaml"))
    rows = ColumnRows.of_model(model, data.columns, diagnostics.examples) if data.columns else None
    scores = column_scores(rows)
    figures = diagnosis_figures(model, data, diagnostics, rows, scores)
    figures["training"] = training_curves(history, data.noun)

    for name, figure in figures.items():
        write_figure(OUTPUT / "plots" / f"{name}.png", figure)
    write_csv(OUTPUT / "dimensions.csv", diagnostics.dimensions)
    write_csv(OUTPUT / "columns.csv", scores)
    write_json(OUTPUT / "metrics.json", without_undefined(diagnostics.metrics) | left_out)
    save_findings(OUTPUT / "findings.json", findings)
    print(findings_text(findings))


if __name__ == "__main__":
    run_stage("diagnose", main)
