"""evaluate: ELBO, IWAE-K and reconstruction errors on the test split, each with its standard error."""

import math
from pathlib import Path

from vaeline.core.files import write_csv, write_figure, write_json
from vaeline.data.prepared import Prepared
from vaeline.evaluation.estimators.annealed import ais_against_bound
from vaeline.evaluation.estimators.bounds import elbo_terms, importance_bounds, k_grid
from vaeline.evaluation.estimators.decomposition import decompose_rate
from vaeline.evaluation.estimators.estimate import means_with_errors
from vaeline.evaluation.estimators.latents import ACTIVITY_IMAGES, activity
from vaeline.evaluation.estimators.reconstruction import reconstruction_errors
from vaeline.evaluation.looseness import bound_lines, iwae_curve, iwae_looseness
from vaeline.evaluation.observing import evaluation_set
from vaeline.evaluation.params import EvaluateParams
from vaeline.evaluation.per_image import write_bounds
from vaeline.evaluation.target import target_verdict
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
    data = Prepared.open()
    images = evaluation_set(model, data.test)
    train_images = evaluation_set(model, data.train[:ACTIVITY_IMAGES])

    terms = elbo_terms(model, images, params.elbo_samples)
    bounds = importance_bounds(model, images, k_grid(params.iwae_k), progress=True)
    values = {"elbo": terms.elbo, "distortion": terms.distortion, "rate": terms.rate, "kl": terms.rate}
    values |= {"iwae": bounds.iwae, "ess": bounds.ess, "iwae_last_doubling": bounds.last_doubling}
    values |= model.likelihood.measures(bounds.iwae, math.prod(data.shape))
    values |= reconstruction_errors(model, images)
    if parts := decompose_rate(model, images):
        values |= vars(parts)
    annealed = ais_against_bound(
        model, images, bounds.iwae, params.ais_images, params.ais_steps, progress=True
    )

    if not processes.leads():
        return
    means = means_with_errors(values | annealed)
    metrics: dict[str, float | int | str] = {"iwae_k": params.iwae_k, "images": len(images)}
    metrics |= {"ais_images": len(annealed.get("ais", ())), **means}
    metrics |= iwae_looseness(bounds)
    metrics |= target_verdict(means, params)
    metrics |= activity(model, train_images)
    curve = iwae_curve(bounds)
    write_csv(OUTPUT / "iwae_over_k.csv", curve)
    write_bounds(OUTPUT / "iwae_per_image.npz", bounds.iwae)
    write_figure(OUTPUT / "plots" / "iwae_over_k.png", bounds_over_k(curve))
    write_json(OUTPUT / "metrics.json", without_undefined(metrics))
    print("\n".join(bound_lines(metrics)))


if __name__ == "__main__":
    run_stage("evaluate", main, shared=True)
