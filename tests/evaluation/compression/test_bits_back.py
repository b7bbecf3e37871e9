"""The length of the coded images against the bound, and against an entropy that is known."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.small import SHAPE, digits, vae
from vaeline.core.errors import VaelineError
from vaeline.core.scaling import Range
from vaeline.evaluation.compression.bit_stack import BitStack
from vaeline.evaluation.compression.bits_back import BitsBack
from vaeline.evaluation.compression.compressed_images import compress_images, decompress_images
from vaeline.models.networks.init import output_layer

SHARP = {"diagonal": {"log_var_bias": -6.0}}
GREY = {"name": "discretized_logistic"}


def black_and_white(n: int) -> np.ndarray:
    return 255 * (digits(n) > 127).to(torch.uint8).numpy()


@pytest.mark.parametrize(
    ("shape", "changes"),
    [
        (SHAPE, {}),
        (SHAPE, {"posterior": SHARP, "latent_dim": 7}),
        (SHAPE, {"likelihood": GREY}),
        (SHAPE, {"network": {"name": "conv", "batch_norm": True}}),
        ((3, 4, 4), {"likelihood": GREY, "latent_dim": 1}),
        ((5,), {}),
    ],
)
def test_images_are_restored_and_their_file_is_as_long_as_the_bound(shape, changes):
    torch.manual_seed(0)
    coder = BitsBack(vae(shape, **changes))
    levels = np.random.default_rng(0).choice(coder.code.levels, (12, *shape)).astype(np.uint8)
    compressed, bounds = compress_images(coder, levels)
    assert np.array_equal(decompress_images(coder, compressed), levels)
    assert abs(compressed.bits - compressed.once_bits - bounds.sum()) < 64 + 0.005 * bounds.sum()


def test_without_anything_in_z_the_length_is_the_entropy_of_the_pixels():
    """q(z|x) = p(z), and a decoder that ignores z: the bits of z are all given back."""
    model, images = vae(), black_and_white(150)
    shares = torch.from_numpy(images).double().mean(0).div(255).clamp(0.01, 0.99)
    for layer in (output_layer(model.decoder), *model.posterior.children()):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    output_layer(model.decoder).bias.data = shares.logit().float().flatten()
    pixels = torch.distributions.Bernoulli(shares)
    entropy = -pixels.log_prob(torch.from_numpy(images).double() / 255).sum() / math.log(2)
    compressed, bounds = compress_images(BitsBack(model), images)
    assert abs(bounds.sum() - entropy) < 0.001
    assert abs(compressed.bits - compressed.once_bits - entropy) < 64 + 0.001 * entropy


def test_the_bound_lies_among_those_at_other_z():
    torch.manual_seed(0)
    model, images = vae(posterior=SHARP), black_and_white(100)
    stack, coder = BitStack(), BitsBack(model)
    coded = torch.tensor([coder.push(stack, image) for image in images])
    x = torch.from_numpy(images).float() / 255
    others = -model.infer(x, 200).log_weights(x) / math.log(2)
    among = (others.amin(0) < coded) & (coded < others.amax(0))
    assert among.float().mean() > 0.9


def test_the_model_and_torchs_generator_are_left_alone():
    model = vae().train()
    state = torch.get_rng_state()
    compress_images(BitsBack(model), black_and_white(2))
    assert torch.equal(state, torch.get_rng_state())
    assert model.training
    assert next(model.parameters()).dtype == torch.float32


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": {"name": "ladder"}}, "several stochastic layers"),
        ({"model": {"name": "conditional"}}, "labels"),
        ({"model": {"name": "vq", "vq": {"side": 2}}}, "diagonal Gaussians"),
        ({"posterior": {"name": "full"}}, "diagonal Gaussians"),
        ({"prior": {"name": "mixture"}}, "diagonal Gaussians"),
        ({"likelihood": {"name": "pixelcnn"}}, "probability of each level"),
        ({"likelihood": {"name": "gaussian"}}, "probability of each level"),
        ({"scaling": Range(low=0, high=2)}, "uint8"),
    ],
)
def test_another_model_is_rejected_in_one_line_that_says_what_to_use(changes, reason):
    with pytest.raises(VaelineError, match=f"^cannot compress, [^\n]*{reason}[^\n]*: train with [^\n]*$"):
        BitsBack(vae(**changes))
