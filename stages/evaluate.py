"""evaluate: ELBO, IWAE-K and reconstruction errors on the test split, each with its standard error."""

from pathlib import Path

import pandas as pd
import torch

from vaeline import checkpoints
from vaeline.data.prepared import Prepared
from vaeline.devices import device
from vaeline.estimators.bounds import elbo_terms, importance_bounds, k_grid
from vaeline.estimators.decomposition import decompose
from vaeline.estimators.estimate import Estimate
from vaeline.estimators.latents import ACTIVITY_IMAGES, activity
from vaeline.estimators.reconstruction import reconstruction_errors
from vaeline.files import write_csv, write_figure, write_json
from vaeline.params import Handed
from vaeline.plots.curves import bounds_over_k
from vaeline.seeding import set_seed
from vaeline.stage import run
from vaeline.verdicts import verdict

OUTPUT = Path("outputs/evaluate")


def main(params: Handed) -> None:
    set_seed(params.seed)
    model = checkpoints.selected(params.select).to(device(params.device))
    data = Prepared.open()
    images, seen = (
        model.likelihood.evaluation_set(torch.from_numpy(split.copy()))
        for split in (data.test.images, data.train.images[:ACTIVITY_IMAGES])
    )

    terms = elbo_terms(model, images, params.elbo_samples)
    bounds = importance_bounds(model, images, k_grid(params.iwae_k), progress=True)
    values = {"elbo": terms.elbo, "distortion": terms.distortion, "rate": terms.rate, "kl": terms.rate}
    values |= {"iwae": bounds.bounds[:, -1], "ess": bounds.ess} | reconstruction_errors(model, images)
    if parts := decompose(model, images):
        values |= vars(parts)
    estimates = {name: Estimate.of(value) for name, value in values.items()}
    metrics: dict[str, float | str] = {"iwae_k": params.iwae_k, "images": len(images)}
    for name, estimate in estimates.items():
        metrics |= {name: estimate.mean, f"{name}_se": estimate.se}
    metrics |= verdict(estimates["iwae"], params) | activity(model, seen)

    curve = [(k, Estimate.of(bounds.bounds[:, i])) for i, k in enumerate(bounds.ks)]
    table = pd.DataFrame([{"k": k, "iwae": estimate.mean, "se": estimate.se} for k, estimate in curve])
    write_csv(OUTPUT / "iwae_over_k.csv", table)
    write_figure(OUTPUT / "plots" / "iwae_over_k.png", bounds_over_k(table))
    write_json(OUTPUT / "metrics.json", metrics)
    elbo, iwae = (f"{metrics[name]:.2f} ± {metrics[f'{name}_se']:.2f}" for name in ("elbo", "iwae"))
    print(f"ELBO {elbo}, IWAE-{params.iwae_k} {iwae} nats on {len(images)} test images")


if __name__ == "__main__":
    run("evaluate", main)
