"""The halves of a model as functions of tensors: the same results as the model's own methods."""

import pytest
import torch

from tests.support.small import vae
from vaeline.core.errors import VaelineError
from vaeline.data.observations import Labelled
from vaeline.models.distributions.noise import global_noise
from vaeline.models.likelihoods.catalog import LIKELIHOODS
from vaeline.serving.graphs import EXAMPLES, graphs

SHAPE = (3, 12, 10)
PARTS = [
    *({"model": {"name": name}} for name in ("vae", "two_layer", "ladder", "conditional", "vq")),
    {"model": {"name": "ladder", "ladder": {"skip": True}}},
    *({"posterior": {"name": name}} for name in ("full", "iaf", "coupling")),
    *({"likelihood": {"name": name}} for name in LIKELIHOODS if name != "pixelcnn"),
    {"network": {"name": "conv"}},
]


@pytest.mark.parametrize("parts", PARTS, ids=str)
@torch.no_grad()
def test_graphs_give_what_the_model_gives(parts):
    torch.manual_seed(1)
    model = vae(SHAPE, **parts).eval()
    encoder, decoder = graphs(model).values()
    image, label = encoder.inputs["image"], encoder.inputs.get("label")
    x = image if label is None else Labelled(image, label)
    noise = encoder.inputs.get("noise")
    used = 0

    def handed(shape: torch.Size, like: torch.Tensor) -> torch.Tensor:
        nonlocal used
        used += shape[-1]
        return noise[:, used - shape[-1] : used].reshape(shape)

    layers = model.layers(x, 1, global_noise if noise is None else handed)
    z = torch.cat([layer.sample for layer in layers], -1)[0, :, : model.latent_dim]
    torch.testing.assert_close(encoder(*encoder.inputs.values()), z)
    assert noise is None or used == noise.shape[1]

    result = decoder(z, *([] if label is None else [label]))
    likelihood = model.conditioned(x).decode(z)
    if decoder.output == "parameters":
        torch.testing.assert_close(model.likelihood(result).mean, likelihood.mean)
    else:
        torch.testing.assert_close(result, likelihood.mean.clamp(0, 1))
    assert len(result) == EXAMPLES


def test_noise_of_zeros_gives_the_mean_of_a_gaussian_posterior():
    model = vae().eval()
    encoder = graphs(model)["encoder"]
    image, noise = encoder.inputs.values()
    assert encoder.signature == "image, noise → z"
    torch.testing.assert_close(encoder(image, torch.zeros_like(noise)), model.encode(image).mean)


def test_decoder_that_draws_pixel_by_pixel_is_rejected_in_one_line():
    with pytest.raises(VaelineError, match="'pixelcnn' draws pixel by pixel") as error:
        graphs(vae(likelihood={"name": "pixelcnn"}))
    assert "\n" not in str(error.value)
