"""diagnose: what the latents do on the validation split, in numbers and pictures."""

from pathlib import Path

import pandas as pd

from vaeline import checkpoints, diagnostics, ex_post, gallery, neighbours
from vaeline.data.prepared import Prepared
from vaeline.devices import device
from vaeline.disentanglement.scores import scores
from vaeline.estimators.latents import latents
from vaeline.files import write_csv, write_figure, write_json
from vaeline.params import Handed
from vaeline.plots.curves import training_curves
from vaeline.seeding import set_seed
from vaeline.stage import run

OUTPUT = Path("outputs/diagnose")


def main(params: Handed) -> None:
    set_seed(params.seed)
    model = checkpoints.selected(params.select).to(device(params.device))
    data = Prepared.open()
    images = model.evaluation_set(data.valid)

    seen = latents(model, images)
    samples = neighbours.sampled(model, data.shape)
    near = neighbours.nearest(samples, data.train.images)
    held_out = neighbours.held_out(data)
    metrics = diagnostics.summary(seen) | diagnostics.errors(model, images) | model.measures(seen.mean)
    metrics |= neighbours.copying(near, held_out) | scores(seen.mean.numpy(), data.valid.factors)
    dimensions = diagnostics.dimensions(seen)
    mixture = ex_post.fitted(model, data.train)
    pictures = gallery.pictures(model, images, seen, dimensions, data.valid.labels, data.classes, mixture)
    pictures |= gallery.of_classes(model, data.classes)
    pictures |= gallery.of_factors(seen, data.valid.factors, data.factors)
    pictures["neighbours"] = gallery.neighbours(samples, near, data.train.images)
    pictures["training"] = training_curves(pd.read_csv("outputs/train/history.csv"))

    for name, figure in pictures.items():
        write_figure(OUTPUT / "plots" / f"{name}.png", figure)
    write_csv(OUTPUT / "dimensions.csv", dimensions)
    write_json(OUTPUT / "metrics.json", metrics)
    units, busy = f"{metrics['active_units']} of {metrics['latent_dims']}", metrics["active_dims"]
    print(f"{units} latent units are active, {busy} carry more than {diagnostics.ACTIVE_KL} nats")


if __name__ == "__main__":
    run("diagnose", main)
