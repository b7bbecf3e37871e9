"""The two halves of a model as plain functions of tensors, which other runtimes can hold."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vaeline.core.errors import VaelineError
from vaeline.data.observations import Labelled
from vaeline.models.contracts import Likelihood, Model
from vaeline.models.distributions.noise import global_noise
from vaeline.models.likelihoods.discretized_logistic import DiscretizedLogistic
from vaeline.models.likelihoods.pixelcnn import PixelCNN
from vaeline.models.vq import VQVAE

EXAMPLES = 3  # rows that a graph is traced with
Inputs = dict[str, Tensor]


class Graph(nn.Module):
    """A function of tensors whose first axis is the batch.

    Attributes:
        output: The name of what it returns.
        inputs: An example of its inputs, by name, in their order.
    """

    output: str
    inputs: Inputs

    @property
    def signature(self) -> str:
        """The names of its inputs and of its output, as `image, noise → z`."""
        return f"{', '.join(self.inputs)} → {self.output}"


class Encoder(Graph):
    """image [B, *event_shape], label [B] and noise [B, n] to z [B, latent_dim].

    `label` is an input where the model is conditioned on labels, and `noise` where q(z|x) is not a single
    point. With standard normal noise z is a draw of q(z|x); with zeros it is the mean of a Gaussian.
    """

    output = "z"

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model
        self.inputs = example_images(model)
        if noise := _noise_dims(model, self.inputs):
            self.inputs["noise"] = torch.randn(EXAMPLES, noise)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Returns z for the tensors of `inputs`, in their order."""
        given = dict(zip(self.inputs, inputs, strict=True))
        layers = self.model.layers(_observed(given), 1, _Handed(given.get("noise")))
        return torch.cat([layer.sample for layer in layers], dim=-1)[0, :, : self.model.latent_dim]


class CodesEncoder(Graph):
    """image [B, *event_shape] to the vectors of its codes, z [B, latent_dim]: the encoder of a VQ-VAE."""

    output = "z"

    def __init__(self, model: VQVAE) -> None:
        super().__init__()
        self.model = model
        self.inputs = example_images(model)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Returns the vectors of the nearest codes, for the image of `inputs`."""
        (image,) = inputs
        table = self.model.prior().table
        # Distances as the codebook takes them, which ONNX has no function for.
        distances = (self.model.vectors(image).unsqueeze(-2) - table).square().sum(-1)
        return table[distances.argmin(-1)].flatten(1)


class Decoder(Graph):
    """z [B, latent_dim] and label [B] to E[x|z], [B, *event_shape], in [0, 1]."""

    output = "mean"

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model
        self.inputs = {"z": torch.randn(EXAMPLES, model.latent_dim)} | _example_labels(model)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Returns E[x|z] for the tensors of `inputs`, in their order."""
        given = dict(zip(self.inputs, inputs, strict=True))
        z = given["z"]
        half = self.model.conditioned(Labelled(z, given["label"])) if "label" in given else self.model
        return half.decode(z).mean.clamp(0, 1)


class ParameterDecoder(Decoder):
    """z [B, latent_dim] and label [B] to the decoder's own output: the parameters of p(x|z).

    For a likelihood whose mean takes numbers of double precision, which runtimes have no functions for.
    """

    output = "parameters"

    def forward(self, *inputs: Tensor) -> Tensor:
        """Returns [B, *parameter_shape] for the tensors of `inputs`, in their order."""
        captured: list[Tensor] = []
        hook = self.model.likelihood.register_forward_pre_hook(lambda _, given: captured.append(given[0]))
        super().forward(*inputs)
        hook.remove()
        return captured[0]


ENCODERS: Mapping[type[Model], type[Graph]] = {VQVAE: CodesEncoder}
"""Models whose encoder is not the general one."""
DECODERS: Mapping[type[Likelihood], type[Graph]] = {DiscretizedLogistic: ParameterDecoder}
"""Likelihoods whose mean no graph can hold."""
WITHOUT_GRAPH: Mapping[type[Likelihood], str] = {
    PixelCNN: "likelihood.name = 'pixelcnn' draws pixel by pixel, each by a pass of the network: no graph of "
    "reasonable length holds its decoder"
}
"""Likelihoods that leave no decoder to hand out, and why."""


def graphs(model: Model) -> dict[str, Graph]:
    """Returns the `encoder` and the `decoder` of a trained model.

    Raises:
        VaelineError: Its likelihood has no decoder of fixed length.
    """
    if reason := WITHOUT_GRAPH.get(type(model.likelihood)):
        raise VaelineError(reason)
    encoder = ENCODERS.get(type(model), Encoder)
    decoder = DECODERS.get(type(model.likelihood), Decoder)
    return {"encoder": encoder(model), "decoder": decoder(model)}


def example_images(model: Model) -> Inputs:
    """Returns images of noise, and labels where the model is conditioned on them."""
    return {"image": torch.rand(EXAMPLES, *model.event_shape)} | _example_labels(model)


def _example_labels(model: Model) -> Inputs:
    return {"label": torch.arange(EXAMPLES) % model.classes} if model.classes else {}


def _observed(given: Mapping[str, Tensor]) -> Tensor | Labelled:
    return Labelled(given["image"], given["label"]) if "label" in given else given["image"]


class _Handed:
    """Noise that is handed in, [B, n]: its columns in the order in which they are asked for."""

    def __init__(self, noise: Tensor | None) -> None:
        self.noise, self.used = noise, 0

    def __call__(self, shape: torch.Size, like: Tensor) -> Tensor:
        before, self.used = self.used, self.used + shape[-1]
        return global_noise(shape, like) if self.noise is None else self.noise[None, :, before : self.used]


@torch.no_grad()
def _noise_dims(model: Model, inputs: Inputs) -> int:
    """Returns how many standard normal numbers one encoding takes."""
    noise = _Handed(None)
    model.layers(_observed(inputs), 1, noise)
    return noise.used
