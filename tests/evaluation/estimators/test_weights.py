"""Compiled weights are the plain ones, of the same draws, whatever the model is made of."""

import pytest
import torch

from tests.support.small import digits, shown_to, vae
from vaeline.evaluation.compiling.library import Library
from vaeline.evaluation.estimators import weights
from vaeline.evaluation.estimators.bounds import MOST_DRAWS, importance_bounds, k_grid
from vaeline.evaluation.estimators.weights import CompiledLogWeights, LogWeights, compiling_pays
from vaeline.models.catalog import MODELS
from vaeline.models.likelihoods.catalog import LIKELIHOODS
from vaeline.models.networks.catalog import NETWORKS
from vaeline.models.posteriors.catalog import POSTERIORS
from vaeline.models.priors.catalog import PRIORS

K, B = 4, 5
PARTS = [
    (section, name)
    for section, table in {
        "model": MODELS,
        "network": NETWORKS,
        "posterior": POSTERIORS,
        "prior": PRIORS,
        "likelihood": LIKELIHOODS,
    }.items()
    for name in table
]


def seeded(log_weights: LogWeights, x, k: int = K) -> torch.Tensor:
    torch.manual_seed(3)
    return log_weights(x, k)


@torch.inference_mode()
@pytest.mark.parametrize(("section", "name"), PARTS)
def test_compiled_weights_are_the_plain_ones(section, name, traced, capsys):
    model = vae((1, 8, 8), **{section: {"name": name}}).eval()
    x, compiled = shown_to(model, B), CompiledLogWeights(model)
    for _ in range(2):
        torch.testing.assert_close(seeded(compiled, x), seeded(LogWeights(model), x), rtol=1e-4, atol=1e-4)
    assert "not compiled" not in capsys.readouterr().err


@torch.inference_mode()
def test_weights_that_have_changed_since_are_used(traced):
    model = vae((1, 8, 8)).eval()
    x, compiled = shown_to(model, B), CompiledLogWeights(model)
    before = seeded(compiled, x)
    for parameter in model.parameters():
        parameter.mul_(1.5)
    torch.testing.assert_close(seeded(compiled, x), seeded(LogWeights(model), x), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(before, seeded(compiled, x))


def test_bounds_are_the_same_and_what_remains_of_images_and_draws_is_not_compiled(traced, monkeypatch):
    monkeypatch.setattr("vaeline.evaluation.estimators.bounds.rows_at_a_time", lambda *_: 2 * MOST_DRAWS)
    k, model, images, sizes = MOST_DRAWS + 6, vae((1, 8, 8)).eval(), digits(9), set()
    plain = LogWeights.__call__

    def noted(self: LogWeights, x: torch.Tensor, draws: int) -> torch.Tensor:
        sizes.add((draws, len(x)))
        return plain(self, x, draws)

    monkeypatch.setattr(LogWeights, "__call__", noted)
    torch.manual_seed(0)
    compiled = importance_bounds(model, images, k_grid(k), compiled=True)
    assert sizes == {(6, 2), (k, 1)}
    torch.manual_seed(0)
    expected = importance_bounds(model, images, k_grid(k))
    torch.testing.assert_close(compiled.bounds, expected.bounds, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(compiled.ess, expected.ess, rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_what_cannot_be_compiled_is_computed_plainly_and_said_once(monkeypatch, capsys):
    def without_compiler(self: Library) -> None:
        raise RuntimeError("no C++ compiler\nand more")

    monkeypatch.setattr(Library, "load", without_compiler)
    model = vae((1, 8, 8)).eval()
    x, compiled = shown_to(model, B), CompiledLogWeights(model)
    for _ in range(2):
        assert torch.equal(seeded(compiled, x), seeded(LogWeights(model), x))
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "evaluate: the bounds are not compiled (RuntimeError: no C++ compiler)"
    assert len([line for line in said if "not compiled" in line]) == 1


@pytest.mark.parametrize(
    ("compiling", "images", "pays"),
    [("auto", 10, False), ("auto", 1000, True), ("always", 1, True), ("never", 1000, False)],
)
def test_by_itself_compiling_pays_where_there_is_much_to_compute(compiling, images, pays, monkeypatch):
    model = vae((1, 8, 8))
    monkeypatch.setattr(weights, "WEIGHTS_COMPILED_FROM", 1000 * 50 * 64)
    assert compiling_pays(model, images, 50, compiling) is pays
    assert not compiling_pays(model.to("meta"), images, 50, compiling)
