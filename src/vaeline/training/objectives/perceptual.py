"""The ELBO with a perceptual term, which compares reconstructions in the features of a classifier."""

from typing import Protocol

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from vaeline.core.params import BaseOptions
from vaeline.data.observations import Observations, pixels
from vaeline.evaluation.pretrained import damaged_weights, pretrained_weights
from vaeline.models.contracts import Model, image_shape
from vaeline.models.distributions.noise import Noise, global_noise
from vaeline.training.objectives.elbo import ELBO, ELBOSection
from vaeline.training.objectives.objective import Objective
from vaeline.training.objectives.terms import Terms

URL = "https://download.pytorch.org/models/vgg16-397923af.pth"
DIGEST = "397923af"
VGG_LAYERS = (3, 8, 15)  # relu1_2, relu2_2 and relu3_3 in torchvision's numbering
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the images that VGG was trained on


class PerceptualSection(ELBOSection, Protocol):
    """What `perceptual` reads of the section `objective`."""

    @property
    def perceptual(self) -> "Perceptual.Options":
        """Options of `perceptual`."""


class Perceptual(Objective):
    """−ELBO as in `elbo`, and `weight` · Σ_l mean (φ_l(x) − φ_l(E[x|z]))² an image, averaged over draws of z.

    φ_l are features of VGG-16 (Simonyan & Zisserman 2015): the feature reconstruction loss of Johnson et al.
    (2016), equation 2, whose use in a VAE is that of Hou et al. (2017). The term is no part of a bound:
    metrics after training are those of the plain model, and show what it costs.
    """

    class Options(BaseOptions):
        """Options of `objective.perceptual`."""

        weight: float = Field(1.0, ge=0)

    mean: Tensor
    std: Tensor

    def __init__(self, *, section: PerceptualSection, free_bits: float) -> None:
        super().__init__()
        self.elbo = ELBO(section=section, free_bits=free_bits)
        self.k, self.weight = section.k, section.perceptual.weight
        self.vgg = vgg().requires_grad_(requires_grad=False)
        self.register_buffer("mean", torch.tensor(MEAN).reshape(3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).reshape(3, 1, 1))

    def forward(
        self, model: Model, x: Observations, beta: float | Tensor, noise: Noise = global_noise
    ) -> Terms:
        """Returns the loss and its terms for x [B, C, H, W], with the KL weighted by `beta`.

        Raises:
            VaelineError: if the model is not of images.
        """
        image_shape(model.event_shape, "objective.name = 'perceptual'", "objective.name=elbo")
        if self.mean.device.type != x.device.type:
            self.to(x.device)
        inference = model.infer(x, self.k, noise)
        terms = self.elbo.of(inference, x, beta)
        original = self.features(pixels(x))
        rebuilt = self.features(inference.likelihood.mean.flatten(0, 1))
        term = sum(mse_loss(b, a.repeat(self.k, 1, 1, 1)) for a, b in zip(original, rebuilt, strict=True))
        return Terms(terms.loss + self.weight * term, terms.distortion, terms.kl, terms.max_variance)

    def features(self, images: Tensor) -> list[Tensor]:
        """Returns φ_l of grey or colour images [B, C, H, W] in [0, 1], for each l in VGG_LAYERS."""
        maps, features = (images.expand(-1, 3, -1, -1) - self.mean) / self.std, []
        for number, layer in enumerate(self.vgg):
            maps = layer(maps)
            if number in VGG_LAYERS:
                features.append(maps)
        return features


def vgg() -> nn.Sequential:
    """Returns VGG-16 up to the last of VGG_LAYERS, pretrained; raises WeightsUnavailableError."""
    path = pretrained_weights("VGG-16's", URL, DIGEST)
    from torchvision.models import vgg16  # takes two seconds: only once there are weights

    with torch.device("meta"):
        network = vgg16().features[: VGG_LAYERS[-1] + 1]
    try:
        stored = torch.load(path, weights_only=True, mmap=True)
        ours = {name: stored[f"features.{name}"].clone() for name in network.state_dict()}
        network.load_state_dict(ours, assign=True)
    except Exception as error:  # a damaged file raises anything
        raise damaged_weights(path, error) from error
    for layer in network:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False  # its input is needed as well
    return network
