import math

import pytest
import torch

from vaeline.evaluation.interpolation import linear, spherical

START, END = torch.randn(4, 7, dtype=torch.float64), torch.randn(4, 7, dtype=torch.float64)


@pytest.mark.parametrize("path", [linear, spherical])
def test_path_has_the_given_ends(path):
    points = path(START, END, 5)
    assert points.shape == (4, 5, 7)
    torch.testing.assert_close(points[:, 0], START)
    torch.testing.assert_close(points[:, -1], END)


def test_line_is_straight():
    torch.testing.assert_close(linear(START, END, 3)[:, 1], (START + END) / 2)


def test_arc_keeps_its_radius_and_turns_evenly():
    start, end = torch.tensor([2.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 2.0])
    points = spherical(start, end, 4)
    torch.testing.assert_close(points.norm(dim=-1), torch.full((4,), 2.0))
    angles = torch.atan2(points[:, 2], points[:, 0])
    torch.testing.assert_close(angles, torch.arange(4) * math.pi / 6)
    assert linear(start, end, 3)[1].norm() < 1.5  # a line does not


@pytest.mark.parametrize("factor", [1.0, 3.0, -1.0])
def test_arc_between_parallel_vectors_is_a_line(factor):
    start = torch.tensor([[1.0, 2.0, 2.0]])
    torch.testing.assert_close(spherical(start, factor * start, 5), linear(start, factor * start, 5))
