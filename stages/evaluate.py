"""evaluate: ELBO, IWAE-K and reconstruction errors on the test split, each with its standard error."""

from pathlib import Path

from vaeline.core.files import write_csv, write_figure, write_json
from vaeline.data.prepared import Prepared
from vaeline.evaluation.compression.bits_back import BitsBack
from vaeline.evaluation.compression.compression_metrics import compression_metrics
from vaeline.evaluation.estimators.latents import ACTIVITY_IMAGES, activity
from vaeline.evaluation.looseness import bound_lines, iwae_curve
from vaeline.evaluation.observing import evaluation_set
from vaeline.evaluation.params import EvaluateParams
from vaeline.evaluation.per_image import write_bounds
from vaeline.evaluation.scoring import SplitScores
from vaeline.evaluation.undefined import without_undefined
from vaeline.models import checkpoints
from vaeline.reporting.plots.curves import bounds_over_k
from vaeline.runtime import processes
from vaeline.runtime.devices import device
from vaeline.runtime.seeding import set_seed
from vaeline.runtime.stage import run_stage

OUTPUT = Path("outputs/evaluate")


def main(params: EvaluateParams) -> None:
    set_seed(params.seed)
    model = checkpoints.load_selected(params.select).to(device(params.device))
    coder = BitsBack(model) if params.compress_images else None  # first, since it rejects some models
    data = Prepared.open()
    examples = evaluation_set(model, data.test)
    train_examples = evaluation_set(model, data.train[:ACTIVITY_IMAGES])

    scores = SplitScores.of_model(model, examples, params)
    if not processes.leads():
        return
    metrics = scores.metrics(params) | activity(model, train_examples)
    if coder:
        metrics |= compression_metrics(coder, examples, params.compress_images, progress=True)
    curve = iwae_curve(scores.bounds)
    write_csv(OUTPUT / "iwae_over_k.csv", curve)
    write_bounds(OUTPUT / "iwae_per_image.npz", scores.bounds.iwae)
    write_figure(OUTPUT / "plots" / "iwae_over_k.png", bounds_over_k(curve, data.noun))
    write_json(OUTPUT / "metrics.json", without_undefined(metrics))
    print("\n".join(bound_lines(metrics, data.noun)))


if __name__ == "__main__":
    run_stage("evaluate", main)
