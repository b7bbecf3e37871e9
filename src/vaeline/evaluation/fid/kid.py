"""The kernel inception distance: squared maximum mean discrepancy with a cubic kernel, unbiased at any N.

Bińkowski, Sutherland, Arbel, Gretton, "Demystifying MMD GANs" (2018), eq. 4 and section 4.
"""

import numpy as np

KERNEL_ROWS = 1024  # rows of the kernel matrix in memory at once


def kid(features1: np.ndarray, features2: np.ndarray) -> tuple[float, float]:
    """Returns the distance between features [N ≥ 3, D] and [N, D], and its standard error.

    All pairs are used, rather than random subsets of 1,000. The error covers the draw of both halves: it is
    the jackknife that leaves out one image of each half at a time. If both halves have the same distribution,
    it is too large (by about 40 %) rather than too small.
    """
    x, y = np.asarray(features1, np.float64), np.asarray(features2, np.float64)
    if x.shape != y.shape:
        raise ValueError(f"kid: both halves need the same shape, found {x.shape} and {y.shape}")
    n = len(x)
    # Sums of the kernel of each image with the rest of its half, and with the other half: [N]
    own = _row_sums(x, x) - _pairs(x, x) + _row_sums(y, y) - _pairs(y, y)
    cross = _row_sums(x, y) + _row_sums(y, x)
    total = _mmd(own.sum(), cross.sum() / 2, n)
    without = _mmd(own.sum() - 2 * own, cross.sum() / 2 - cross + _pairs(x, y), n - 1)
    return float(total), float(np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2)))


def _mmd(own: np.ndarray, cross: np.ndarray, n: int) -> np.ndarray:
    # Eq. 4 from its sums; the diagonal, an image with itself, biases the mean within a half only.
    return own / (n * (n - 1)) - 2 * cross / n**2


def _row_sums(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    rows = (x[start : start + KERNEL_ROWS] for start in range(0, len(x), KERNEL_ROWS))
    return np.concatenate([_kernel(part @ y.T, x.shape[1]).sum(1) for part in rows])


def _pairs(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return _kernel(np.sum(x * y, axis=1), x.shape[1])


def _kernel(products: np.ndarray, dims: int) -> np.ndarray:
    return (products / dims + 1) ** 3
