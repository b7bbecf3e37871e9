"""fid: Fréchet and kernel distances of the model's samples to real images."""

from pathlib import Path

import torch

from vaeline.core.files import write_figure, write_json
from vaeline.data.prepared import Prepared
from vaeline.evaluation.classes import conditional_accuracy
from vaeline.evaluation.ex_post import fit_ex_post
from vaeline.evaluation.fid.images import generate_images
from vaeline.evaluation.fid.reference import Reference
from vaeline.evaluation.fid.scores import FROM_EX_POST, FROM_PRIOR, distances_line
from vaeline.evaluation.params import TrainedModelParams
from vaeline.evaluation.samples.columns import ex_post_values
from vaeline.evaluation.undefined import without_images, without_undefined
from vaeline.models import checkpoints
from vaeline.reporting.plots.columns import marginals
from vaeline.reporting.plots.images import grid
from vaeline.runtime import processes
from vaeline.runtime.devices import device
from vaeline.runtime.seeding import set_seed
from vaeline.runtime.stage import run_stage

OUTPUT = Path("outputs/fid")
PICTURED = 100
TITLE = "Samples: E[x|z] at z from a mixture fitted to training images' z"
ROWS_TITLE = "Validation rows, and samples x ~ p(x|z) at z from a mixture fitted to training rows' z"


def main(params: TrainedModelParams) -> None:
    set_seed(params.seed)
    target = device(params.device)
    data = Prepared.open()
    model = checkpoints.load_selected(params.select).to(target)
    if line := without_images(data.shape, "Fréchet and kernel distances"):
        if processes.leads():
            picture = marginals(data.columns, *ex_post_values(model, data), ROWS_TITLE)
            write_figure(OUTPUT / "plots" / "marginals_ex_post.png", picture)
            write_json(OUTPUT / "metrics.json", line)
        return
    reference = processes.by_first(lambda: Reference.load(Path("outputs/fid_reference/features")))
    images = generate_images(model.sample, reference.samples, model.scaling)
    mixture = fit_ex_post(model, data.train)
    images_ex_post = generate_images(mixture.sample, reference.samples, model.scaling)
    metrics = reference.scores({FROM_PRIOR: images, FROM_EX_POST: images_ex_post}, target)
    metrics |= conditional_accuracy(model, reference.classifier, reference.samples)
    if not processes.leads():
        return
    picture = grid(torch.from_numpy(images_ex_post[:PICTURED]) / 255, 10, TITLE)
    write_figure(OUTPUT / "plots" / "samples_ex_post.png", picture)
    write_json(OUTPUT / "metrics.json", without_undefined(metrics))
    print(distances_line(metrics))


if __name__ == "__main__":
    run_stage("fid", main)
