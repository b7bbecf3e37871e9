"""diagnose: use of the latents, and findings on what went wrong, on the validation split."""

import math
from pathlib import Path

from vaeline.core.files import write_csv, write_figure, write_json
from vaeline.core.yaml import read_yaml
from vaeline.data.prepared import Prepared
from vaeline.diagnosis.detection import run_detectors
from vaeline.diagnosis.finding import findings_text, save_findings
from vaeline.diagnosis.remedy_commands import with_remedy_commands
from vaeline.evaluation import latent_use, neighbours, symptoms
from vaeline.evaluation.disentanglement.codes import ImageCodes
from vaeline.evaluation.disentanglement.excess import excess_rate
from vaeline.evaluation.disentanglement.scores import disentanglement_scores
from vaeline.evaluation.estimators.latents import measure_latents
from vaeline.evaluation.observing import evaluation_set
from vaeline.evaluation.params import TrainedModelParams
from vaeline.evaluation.samples.columns import ColumnRows, column_scores
from vaeline.evaluation.samples.features import SAMPLE_FEATURES
from vaeline.evaluation.undefined import without_images, without_undefined
from vaeline.models import checkpoints
from vaeline.reporting import gallery
from vaeline.reporting.plots.columns import column_figures
from vaeline.reporting.plots.curves import training_curves
from vaeline.runtime.devices import device
from vaeline.runtime.seeding import set_seed
from vaeline.runtime.stage import run_stage

OUTPUT = Path("outputs/diagnose")
FEATURES = Path("outputs/fid_reference/features")


def main(params: TrainedModelParams) -> None:
    set_seed(params.seed)
    target = device(params.device)
    model = checkpoints.load_selected(params.select).to(target)
    data = Prepared.open()
    images = evaluation_set(model, data.valid)
    history = symptoms.read_history("outputs/train/history.csv")

    latents = measure_latents(model, images)
    samples = neighbours.neighbour_samples(model)
    nearest = neighbours.nearest_neighbours(samples, data.train.values)
    metrics = latent_use.latent_statistics(latents)
    metrics |= latent_use.squared_errors(model, images) | model.measures(latents.mean)
    metrics |= neighbours.copying_scores(nearest, neighbours.held_out_neighbours(data))
    metrics |= disentanglement_scores(ImageCodes.of(latents), data.valid.factors)
    metrics |= excess_rate(latents, data.train)
    features = SAMPLE_FEATURES[len(data.shape)].load(model, FEATURES, target)
    metrics |= symptoms.history_symptoms(history, math.prod(data.shape))
    metrics |= symptoms.model_symptoms(model, data)
    metrics |= symptoms.sample_symptoms(model, features, data)
    left_out = without_images(data.shape, "sharpness, blurry reconstructions and pictures of samples")
    findings = with_remedy_commands(run_detectors(metrics, model.config), read_yaml("params.yaml"))

    dimensions = latent_use.dimension_table(latents)
    rows = ColumnRows.of_model(model, data.columns, images) if data.columns else None
    scores = column_scores(rows)
    if rows:
        pictures = column_figures(rows.columns, rows.real, rows.drawn, scores)
        pictures |= gallery.latent_figures(latents, dimensions, data.valid.labels, data.classes)
    else:
        pictures = gallery.gallery_figures(
            model, images, latents, dimensions, data.valid.labels, data.classes
        )
        pictures |= gallery.class_samples(model, data.classes)
        pictures["neighbours"] = gallery.neighbour_rows(samples, nearest, data.train.values, model.scaling)
    pictures |= gallery.factor_information(latents, data.valid.factors, data.factors)
    pictures["training"] = training_curves(history)

    for name, figure in pictures.items():
        write_figure(OUTPUT / "plots" / f"{name}.png", figure)
    write_csv(OUTPUT / "dimensions.csv", dimensions)
    write_csv(OUTPUT / "columns.csv", scores)
    write_json(OUTPUT / "metrics.json", without_undefined(metrics) | left_out)
    save_findings(OUTPUT / "findings.json", findings)
    print(findings_text(findings))


if __name__ == "__main__":
    run_stage("diagnose", main)
