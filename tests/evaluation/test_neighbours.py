import numpy as np
import pytest
import torch

from tests.support.small import digits
from vaeline.evaluation import chunks, neighbours
from vaeline.evaluation.estimators.estimate import Estimate
from vaeline.evaluation.neighbours import NearestNeighbours, copying_scores, nearest_neighbours


def test_nearest_neighbours_are_those_of_all_pairs_for_any_chunk_size(monkeypatch):
    train, images = digits(300), torch.rand(40, 1, 8, 8)
    distances = torch.cdist(images.flatten(1).double(), train.flatten(1).double() / 255)
    for rows in (7, 300, 4096):
        monkeypatch.setattr(chunks, "DECODER_ROWS", rows)
        nearest = nearest_neighbours(images, train.numpy())
        assert torch.equal(nearest.index, distances.argmin(1))
        torch.testing.assert_close(nearest.distance.double(), distances.min(1).values, rtol=1e-6, atol=0)


class Counting(torch.nn.Module):
    """A model that samples noise, and records how many samples were requested."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.event_shape, self.requests = shape, []

    def sample(self, n: int) -> torch.Tensor:
        self.requests.append(n)
        return torch.rand(n, *self.event_shape)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64)])
def test_samples_of_large_images_are_drawn_in_chunks(shape):
    model = Counting(*shape)
    torch.manual_seed(0)
    samples = neighbours.neighbour_samples(model)
    assert len(samples) == sum(model.requests) == 1000
    assert max(model.requests) == min(1000, chunks.rows_at_a_time(shape))
    torch.manual_seed(0)
    assert torch.equal(samples, torch.cat([torch.rand(n, *shape) for n in model.requests]))


def test_copies_are_at_distance_zero_and_other_images_are_not():
    train, held_out = digits(600)[:500], digits(600)[500:]
    copies, originals = (nearest_neighbours(images / 255, train.numpy()) for images in (train[::5], held_out))
    assert torch.equal(copies.distance, torch.zeros(100))
    assert copying_scores(copies, originals)["neighbour_ratio"] == 0
    assert copying_scores(originals, originals)["neighbour_ratio"] == 1
    noise = nearest_neighbours(torch.rand(100, 1, 8, 8), train.numpy())
    assert copying_scores(noise, originals)["neighbour_ratio"] > 1.5


def test_the_error_of_the_ratio_is_that_over_repeated_draws():
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
    deviation = np.std([draw["neighbour_ratio"] for draw in draws])
    assert draws[0]["neighbour_ratio_se"] == pytest.approx(deviation, rel=5 / 1000**0.5)
    assert Estimate.of(torch.tensor([draw["neighbour_ratio"] for draw in draws])).mean == pytest.approx(
        0.8, abs=5 * deviation / 500**0.5
    )
