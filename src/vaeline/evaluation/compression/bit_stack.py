"""A stack of bits that symbols are pushed on and popped off: asymmetric numeral systems (Duda 2009)."""

import hashlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from vaeline.core.errors import VaelineError

WORD = np.dtype("<u4")
START_WORDS = 2**16  # more than the first z needs; those that no image touches are in no file


class RoundedNormal(NamedTuple):
    """The integers next to a N(mean, std²), of `least` … `most`."""

    mean: float
    std: float
    least: int
    most: int


class BitStack:
    """A stack of bits. To pop a symbol of probability P removes −log₂ P bits, and to push it adds as many.

    So popping draws from a distribution, with the bits as its noise, and pushing the symbol restores them.
    Symbols are coded by constriction (Bamler 2022), with probabilities in units of 2⁻²⁴ and none below one.

    Args:
        words: `words` of another stack. Without it, the stack begins with `start_words`, at the first symbol.

    Raises:
        VaelineError: constriction is not installed.
    """

    def __init__(self, words: np.ndarray | None = None) -> None:
        stream = _constriction().stream
        self._models = stream.model
        # A coder forgets zeros at its top, unless their end is marked.
        self._coder = (
            stream.stack.AnsCoder(start_words(), seal=True) if words is None else stream.stack.AnsCoder(words)
        )

    def words(self) -> np.ndarray:
        """Returns what is on the stack, from the bottom, uint32 [N]."""
        words: np.ndarray = self._coder.get_compressed()
        return words

    def is_at_its_start(self) -> bool:
        """Returns whether the stack is as it began: all that was pushed was popped, and the other way."""
        try:
            return np.array_equal(self._coder.get_compressed(unseal=True), start_words())
        except AssertionError:  # the mark is not at the top
            return False

    def push_bits(self, bits: np.ndarray, probability: Tensor) -> None:
        """Pushes `bits` [n], 0 or 1; `probability` [n] is that of a 1."""
        model = self._models.Bernoulli(perfect=False)
        self._coder.encode_reverse(bits.astype(np.int32), model, _floats(probability))

    def pop_bits(self, probability: Tensor) -> np.ndarray:
        """Returns bits [n]; `probability` [n] is that of a 1."""
        bits: np.ndarray = self._coder.decode(self._models.Bernoulli(perfect=False), _floats(probability))
        return bits

    def push_categories(self, categories: np.ndarray, probabilities: Tensor) -> None:
        """Pushes `categories` [n] out of 0 … m − 1; their `probabilities` are [n, m]."""
        model = self._models.Categorical(perfect=False)
        self._coder.encode_reverse(categories.astype(np.int32), model, _floats(probabilities))

    def pop_categories(self, probabilities: Tensor) -> np.ndarray:
        """Returns categories [n] out of 0 … m − 1; their `probabilities` are [n, m]."""
        model = self._models.Categorical(perfect=False)
        categories: np.ndarray = self._coder.decode(model, _floats(probabilities))
        return categories

    def push_normals(self, integers: np.ndarray, normals: Sequence[RoundedNormal]) -> None:
        """Pushes integers [n], each by its distribution; raises KeyError for one that it does not have."""
        for integer, normal in zip(reversed(integers.tolist()), reversed(normals), strict=True):
            self._coder.encode_reverse(integer, self._gaussian(normal))

    def pop_normals(self, normals: Sequence[RoundedNormal]) -> np.ndarray:
        """Returns integers [n], each by its distribution."""
        return np.array([self._coder.decode(self._gaussian(normal)) for normal in normals])

    def _gaussian(self, normal: RoundedNormal) -> Any:
        return self._models.QuantizedGaussian(normal.least, normal.most, normal.mean, normal.std)


def start_words() -> np.ndarray:
    """Returns what every stack begins with, uint32 [START_WORDS]: pseudorandom, and always the same.

    The first z is drawn with these bits.
    """
    digest = hashlib.shake_256(b"vaeline").digest(START_WORDS * WORD.itemsize)
    return np.frombuffer(digest, WORD).astype(np.uint32)


def _floats(values: Tensor) -> np.ndarray:
    return np.ascontiguousarray(values.numpy(), np.float64)


def _constriction() -> ModuleType:
    try:
        import constriction
    except ImportError:
        raise VaelineError(
            "the package 'constriction' is missing: `pip install 'vaeline[compression]'` installs it"
        ) from None
    return constriction
