import numpy as np
import pytest
import torch

from tests.support.small import digits
from vaeline.evaluation import chunks, neighbours
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.evaluation.neighbours import NearestNeighbours, copying_scores, nearest_neighbours


def test_it_is_what_all_pairs_say_however_many_pieces(monkeypatch):
    train, images = digits(300), torch.rand(40, 1, 8, 8)
    distances = torch.cdist(images.flatten(1).double(), train.flatten(1).double() / 255)
    for piece in (7, 300, 4096):
        monkeypatch.setattr(chunks, "DECODER_ROWS", piece)
        found = nearest_neighbours(images, train.numpy())
        assert torch.equal(found.index, distances.argmin(1))
        torch.testing.assert_close(found.distance.double(), distances.min(1).values, rtol=1e-6, atol=0)


class Counting(torch.nn.Module):
    """Samples are noise, and it remembers how many it was asked for."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape, self.asked = shape, []

    def sample(self, n: int) -> torch.Tensor:
        self.asked.append(n)
        return torch.rand(n, *self.shape)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64)])
def test_samples_of_large_images_are_made_in_pieces(shape):
    model = Counting(*shape)
    torch.manual_seed(0)
    seen = neighbours.neighbour_samples(model, shape)
    assert len(seen) == sum(model.asked) == 1000
    assert max(model.asked) == min(1000, chunks.rows_at_a_time(shape))
    torch.manual_seed(0)
    assert torch.equal(seen, torch.cat([torch.rand(n, *shape) for n in model.asked]))


def test_a_copy_is_found_at_no_distance_and_others_are_not():
    train, held_out = digits(600)[:500], digits(600)[500:]
    copies, honest = (nearest_neighbours(images / 255, train.numpy()) for images in (train[::5], held_out))
    assert torch.equal(copies.distance, torch.zeros(100))
    assert copying_scores(copies, honest)["neighbour_ratio"] == 0
    assert copying_scores(honest, honest)["neighbour_ratio"] == 1
    noise = nearest_neighbours(torch.rand(100, 1, 8, 8), train.numpy())
    assert copying_scores(noise, honest)["neighbour_ratio"] > 1.5


def test_the_error_of_the_ratio_is_that_of_repeated_draws():
    generator = np.random.default_rng(0)
    draws = [
        copying_scores(
            *(
                NearestNeighbours(torch.zeros(0), torch.from_numpy(generator.normal(m, 1, 200)))
                for m in (4, 5)
            )
        )
        for _ in range(500)
    ]
    spread = np.std([draw["neighbour_ratio"] for draw in draws])
    assert draws[0]["neighbour_ratio_se"] == pytest.approx(spread, rel=5 / 1000**0.5)
    assert Estimate.of(torch.tensor([draw["neighbour_ratio"] for draw in draws])).mean == pytest.approx(
        0.8, abs=5 * spread / 500**0.5
    )
