"""Encodes, reconstructs and samples: `python examples/use_a_trained_model.py [CHECKPOINT]`."""

import sys

import torch

from vaeline.data.prepared import Prepared
from vaeline.evaluation.chunks import model_input
from vaeline.evaluation.estimators.bounds import compute_elbo
from vaeline.evaluation.observing import evaluation_set
from vaeline.models import checkpoints
from vaeline.models.distributions.moments import moments


@torch.no_grad()
def main(checkpoint: str = "outputs/train/checkpoints/best.pt") -> None:
    """Prints what the model in `checkpoint` makes of eight validation images."""
    model = checkpoints.load(checkpoint)  # in eval mode, built from its own configuration
    images = evaluation_set(model, Prepared.open().valid[:8])
    x = model_input(images, torch.device("cpu"))  # float32 [8, C, H, W] in [0, 1]

    inference = model.infer(x, k=5)  # 5 draws of z an image
    mean, _ = moments(inference.layers[0].posterior)
    print("encoded:", tuple(mean.shape))
    print("reconstructed:", tuple(inference.likelihood.mean.shape))
    print("sampled:", tuple(model.sample(4).shape))
    print("ELBO, nats:", compute_elbo(model, images, n_samples=10))


if __name__ == "__main__":
    main(*sys.argv[1:])
