"""Work: IWAE-K on the same weights and images."""

import torch
from torch import Tensor

from benchmarks.harness import VAELINE, Contestant, Ratio, race, significant
from benchmarks.loop import MLP_PARAMS, mnist, vae
from benchmarks.memory import peak
from benchmarks.peers import Plain, guide_iwae, pythae_vae
from benchmarks.products import products, replay
from vaeline.evaluation.estimators.bounds import importance_bounds
from vaeline.runtime.devices import device

# Images of each, for what is compared is the time an image: pythae takes one after the other anyway.
SIZES = {100: (256, 16), 5000: (64, 1)}
GUIDE_BATCH = 128
PYTHAE_BATCH = 100  # its default
LIKELIHOOD_ROWS = 4096


def iwae() -> list[Ratio]:
    """IWAE-100 and IWAE-5,000 of the MLP, and the memory that they take."""
    rows = []
    for k, (count, few) in SIZES.items():
        rows += _at(k, count, few)
    low, high = peak("iwae", 10), peak("iwae", 5000)
    return [*rows, Ratio.of("iwae memory", "K = 10 beside K = 5,000", [low / high], 0.9, megabytes=high)]


def _at(k: int, count: int, few: int) -> list[Ratio]:
    where = device("auto")
    model = vae(MLP_PARAMS).eval()
    images = model.likelihood.evaluation_set(mnist()[1][:count])
    x = images.to(where).float() / 255
    plain, pythae = Plain(model).eval(), pythae_vae(model, (1, 28, 28)).to(where).eval()
    contestants = {
        VAELINE: Contestant(lambda: importance_bounds(model, images, (k,)), count),
        "pythae": Contestant(lambda: _pythae(pythae, x[:few], k), few),
        "the guide's loop": Contestant(lambda: guide_iwae(plain, x.split(GUIDE_BATCH), k), count),
        "matrix products": _products(plain, x, k),
    }
    work = f"iwae {k}"
    times = race(work, contestants, rounds=5 if k < 1000 else 3)
    more = {"images": count, "first_call_extra_seconds": significant(times.extra_of_the_first() * count)}
    return [
        times.row(work, "pythae", 5.0, **more),
        times.row(work, "the guide's loop", 1.5, **more),
        times.row(work, "matrix products", 0.65, share=True, aim=0.8, **more),
    ]


@torch.no_grad()
def _pythae(model: torch.nn.Module, x: Tensor, k: int) -> float:
    return model.get_nll(x, n_samples=k, batch_size=PYTHAE_BATCH)


def _products(plain: Plain, x: Tensor, k: int) -> Contestant:
    """The encoder's of each image once, and the decoder's of each of its K draws."""
    encoder = products(plain.encoder, x, backward=False)
    decoder = products(
        plain.decoder, plain.encode(x)[0][:1].expand(LIKELIHOOD_ROWS, -1).contiguous(), backward=False
    )
    times = len(x) * k // LIKELIHOOD_ROWS

    def run() -> None:
        replay(encoder)
        replay(decoder, times)

    return Contestant(run, times * LIKELIHOOD_ROWS / k)
