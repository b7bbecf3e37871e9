"""Bits that are popped as symbols and pushed back."""

import sys

import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm

from vaeline.core.errors import VaelineError
from vaeline.evaluation.compression.bit_stack import BitStack, RoundedNormal

P = torch.rand(500, generator=torch.Generator().manual_seed(0)).double()


def bits_on(stack: BitStack) -> int:
    return 32 * len(stack.words())


def test_popped_integers_are_draws_and_pushing_them_back_restores_every_bit():
    stack = BitStack()
    normals = [RoundedNormal(3.5, 40.0, -200, 300)] * 1000
    drawn = stack.pop_normals(normals)
    assert not stack.is_at_its_start()
    assert kstest((drawn - 3.5) / 40, norm.cdf).pvalue > 0.001
    stack.push_normals(drawn, normals)
    assert stack.is_at_its_start()


def test_bits_cost_what_their_probabilities_say():
    stack, bits = BitStack(), (P > 0.3).numpy()
    before = bits_on(stack)
    stack.push_bits(bits, P)
    cost = -torch.distributions.Bernoulli(P).log_prob(torch.from_numpy(bits).double()).sum() / np.log(2)
    assert abs(bits_on(stack) - before - cost) < 64  # whole words
    assert np.array_equal(stack.pop_bits(P), bits)
    assert stack.is_at_its_start()


def test_words_are_all_that_another_stack_needs():
    stack, categories = BitStack(), np.array([0, 2, 1])
    probabilities = torch.tensor([[1.0, 0, 0], [0.2, 0.2, 0.6], [0, 1, 1]])
    stack.push_categories(categories, probabilities)
    other = BitStack(stack.words())
    assert np.array_equal(other.pop_categories(probabilities), categories)
    assert other.is_at_its_start()


def test_without_constriction_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(VaelineError, match=r"`pip install 'vaeline\[compression\]'`"):
        BitStack()
