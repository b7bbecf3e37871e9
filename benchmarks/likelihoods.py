"""IWAE-K on the same weights and images."""

from typing import Any

import torch
from torch import Tensor

from benchmarks.harness import VAELINE, Contestant, Ratio, race, significant
from benchmarks.memory import peak_memory
from benchmarks.models import MLP_PARAMS, mnist, vae
from benchmarks.peers import Plain, loop_iwae, pythae_vae
from benchmarks.products import products, replay
from benchmarks.roofline import one_pass
from vaeline.evaluation.estimators.bounds import importance_bounds, k_grid
from vaeline.evaluation.estimators.weights import compiling_pays
from vaeline.runtime.devices import device

# Images for K: ours, and pythae's, which takes one after the other anyway. The time an image is compared.
SIZES = {100: (256, 16), 5000: (128, 1)}
LOOP_BATCH = 128
PYTHAE_BATCH = 100  # its default
LIKELIHOOD_ROWS = 4096
TEST_IMAGES = 10_000  # of MNIST, for as many of which our bounds are compiled or not


def iwae() -> list[Ratio]:
    """IWAE-100 and IWAE-5,000 of the MLP, and their memory."""
    ratios = []
    for k, (count, few) in SIZES.items():
        ratios += _ratios_at(k, count, few)
    low, high = peak_memory("iwae", 10), peak_memory("iwae", 5000)
    return [*ratios, Ratio.of("iwae memory", "K = 10 beside K = 5,000", [low / high], 0.9, megabytes=high)]


def _ratios_at(k: int, count: int, few: int) -> list[Ratio]:
    where = device("auto")
    model = vae(MLP_PARAMS).eval()
    images = model.likelihood.evaluation_set(mnist()[1][:count])
    x = images.to(where).float() / 255
    plain, pythae = Plain(model).eval(), pythae_vae(model, (1, 28, 28)).to(where).eval()
    compiled = compiling_pays(model, TEST_IMAGES, k, "auto")
    contestants = {
        VAELINE: Contestant(lambda: importance_bounds(model, images, k_grid(k), compiled=compiled), count),
        "pythae": Contestant(lambda: _pythae(pythae, x[:few], k), few),
        "a loop over K": Contestant(lambda: loop_iwae(plain, x.split(LOOP_BATCH), k), count),
        "matrix products": bound_products(plain, x, k),
        "roofline": bound_products(plain, x, k, roofline=True),
    }
    work = f"iwae {k}"
    times = race(work, contestants, rounds=5 if k < 1000 else 3)
    extra = significant(times.warm_up() * count)
    details: dict[str, Any] = {"images": count, "first_call_extra_seconds": extra, "compiled": compiled}
    if compiled:
        times = times.plus(VAELINE, extra / TEST_IMAGES)
    return [
        times.ratio(work, "pythae", **details),
        times.ratio(work, "a loop over K", **details),
        times.ratio(work, "matrix products", 0.8, share=True, **details),
        times.ratio(work, "roofline", share=True, **details),
    ]


@torch.no_grad()
def _pythae(model: Any, x: Tensor, k: int) -> float:
    return float(model.get_nll(x, n_samples=k, batch_size=PYTHAE_BATCH))


def bound_products(plain: Plain, x: Tensor, k: int, roofline: bool = False) -> Contestant:
    """Returns the encoder's products once for each image, and the decoder's for each of its K draws.

    With `roofline`, also one pass over the logits of all draws.
    """
    encoder = products(plain.encoder, x, backward=False)
    z = plain.encode(x)[0][:1].expand(LIKELIHOOD_ROWS, -1).contiguous()
    decoder = products(plain.decoder, z, backward=False)
    if roofline:
        decoder.append(one_pass(plain, x[:0], plain.decoder(z), backward=False))
    times = len(x) * k // LIKELIHOOD_ROWS

    def run() -> None:
        replay(encoder)
        replay(decoder, times)

    return Contestant(run, times * LIKELIHOOD_ROWS / k)
