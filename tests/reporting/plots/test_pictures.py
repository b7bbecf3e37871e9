import numpy as np
import pytest
import torch

from vaeline.reporting.plots.images import grid, reconstruction_rows, tiled

PADDING = 2


def sheet_of(figure) -> np.ndarray:
    """Returns the pixels of the figure's image, [H, W, 3]."""
    return np.asarray(figure.axes[0].images[0].get_array())


def tile(sheet: np.ndarray, row: int, column: int, side: int = 8) -> np.ndarray:
    top, left = (PADDING + i * (side + PADDING) for i in (row, column))
    return sheet[top : top + side, left : left + side]


@pytest.mark.parametrize("channels", [1, 3])
def test_each_image_is_at_its_place(channels):
    images = torch.rand(7, channels, 8, 8)
    sheet = sheet_of(grid(images, 3, "seven"))
    for i, image in enumerate(images):
        expected = image.expand(3, 8, 8).permute(1, 2, 0)
        np.testing.assert_allclose(tile(sheet, *divmod(i, 3)), expected)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("n", [2, 3, 7])
def test_sheet_equals_torchvisions(n, channels):
    from torchvision.utils import make_grid

    images = torch.rand(n, channels, 8, 6)
    peer = make_grid(images, nrow=3, padding=PADDING, pad_value=1.0).permute(1, 2, 0)
    assert torch.equal(tiled(images, 3), peer)


@pytest.mark.parametrize("channels", [2, 5])
def test_the_first_three_of_any_channels_are_displayed(channels):
    images = torch.rand(4, channels, 8, 6)
    three = torch.cat([images, torch.zeros(4, 1, 8, 6)], 1)[:, :3]
    assert torch.equal(tiled(images, 3), tiled(three, 3))


def test_values_are_clipped_and_the_title_is_above():
    figure = grid(torch.tensor([-1.0, 2.0]).reshape(2, 1, 1, 1).expand(2, 1, 8, 8), 2, "two")
    assert (tile(sheet_of(figure), 0, 0) == 0).all()
    assert (tile(sheet_of(figure), 0, 1) == 1).all()
    assert figure.axes[0].get_title(loc="left") == "two"


@pytest.mark.parametrize("n", [10, 20, 13])
def test_reconstruction_is_below_its_original(n):
    """In a last row that is not full, too."""
    originals = torch.rand(n, 1, 8, 8)
    figure = reconstruction_rows(originals, 1 - originals, "both", columns=10)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["input", "output"] * (-(-n // 10))
    for i in range(n):
        row, column = 2 * (i // 10), i % 10
        above, below = (tile(sheet_of(figure), r, column) for r in (row, row + 1))
        np.testing.assert_allclose(above, originals[i].expand(3, 8, 8).permute(1, 2, 0))
        assert above.shape == below.shape
        np.testing.assert_allclose(above + below, 1.0, atol=1e-6)
