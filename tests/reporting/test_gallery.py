"""The content of the pictures, read from the figures."""

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
import torch

from tests.support.small import digits, shown, vae
from vaeline.evaluation.estimators.latents import measure_latents
from vaeline.evaluation.latent_use import dimension_table
from vaeline.evaluation.neighbours import nearest_neighbours
from vaeline.reporting import gallery

N = 60
LABELS = np.arange(N) % 10
CLASSES = tuple("0123456789")


def drawn(latent_dim: int) -> tuple:
    model, images = vae(latent_dim=latent_dim).eval(), digits(N)
    with torch.no_grad():
        model.posterior.fc_mu.weight[0] *= 30  # the dimension with the largest KL
    latents = measure_latents(model, images)
    return model, images, latents, dimension_table(latents)


@pytest.mark.parametrize("latent_dim", [1, 2, 3])
def test_every_picture_is_drawn_whatever_the_latent_dimension(latent_dim):
    model, images, latents, table = drawn(latent_dim)
    before = torch.get_rng_state()
    figures = gallery.gallery_figures(model, images, latents, table, LABELS, CLASSES)
    assert set(figures) == {
        "reconstructions",
        "samples",
        "interpolations",
        "traversals",
        "kl_per_dimension",
        "latent_map",
    }
    assert all(figure.axes for figure in figures.values())
    assert not torch.equal(torch.get_rng_state(), before)  # samples are new draws


def test_map_of_two_latents_is_their_means():
    _, _, latents, _ = drawn(2)
    (axes,) = gallery.map_of_latents(latents, LABELS, CLASSES).axes
    points = np.concatenate([collection.get_offsets() for collection in axes.collections])
    order = np.argsort(LABELS, kind="stable")
    np.testing.assert_allclose(points, latents.mean.numpy()[order], rtol=1e-6)
    assert [text.get_text() for text in axes.texts] == list(CLASSES)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z0", "z1")


def test_collapsed_posterior_has_a_map():
    """All means are one point, which t-SNE cannot take."""
    _, _, latents, _ = drawn(5)
    (axes,) = gallery.map_of_latents(replace(latents, mean=torch.full((N, 5), 0.25)), LABELS, CLASSES).axes
    assert np.concatenate([c.get_offsets() for c in axes.collections]).tolist() == N * [[0.25, 0.25]]


def test_map_of_five_latents_keeps_neighbours():
    """Two distant groups of latents in 5 dimensions stay separate in 2."""
    _, _, latents, _ = drawn(5)
    groups = torch.arange(N) % 2
    means = torch.randn(N, 5) + 40 * groups.unsqueeze(1)
    (axes,) = gallery.map_of_latents(replace(latents, mean=means), groups.numpy(), ("a", "b")).axes
    first, second = (np.asarray(collection.get_offsets()) for collection in axes.collections)
    apart = np.linalg.norm(first[:, None] - second[None], axis=-1)
    within = np.linalg.norm(first[:, None] - first[None], axis=-1)
    np.fill_diagonal(within, np.inf)
    assert within.min(axis=1).max() < apart.min()


def test_traversal_moves_one_latent_and_fixes_the_others(monkeypatch):
    model, _, latents, table = drawn(3)
    decoded = []
    decode = model.decode
    monkeypatch.setattr(model, "decode", lambda z: (decoded.append(z), decode(z))[1])
    figure = gallery.traversals(model, shown(N), latents, table)
    steps = len(gallery.TRAVERSAL_STEPS)
    z = decoded[0].reshape(-1, steps, 3)
    active = table.loc[table["active_unit"] == 1, "dimension"].tolist()
    assert len(z) == len(active) > 0
    for row, dimension in zip(z, active, strict=True):
        scale = (latents.mean[:, dimension].var(correction=0) + latents.variance[:, dimension].mean()).sqrt()
        expected = latents.mean[:, dimension].mean() + gallery.TRAVERSAL_STEPS * scale
        torch.testing.assert_close(row[:, dimension], expected)
        others = [d for d in range(3) if d != dimension]
        assert torch.equal(row[:, others], latents.mean[0, others].expand(steps, -1))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [f"z{d}" for d in active]


def test_interpolations_go_from_one_image_to_another_along_line_and_arc(monkeypatch):
    model, _, latents, _ = drawn(3)
    decoded = []
    decode = model.decode
    monkeypatch.setattr(model, "decode", lambda z: (decoded.append(z), decode(z))[1])
    figure = gallery.interpolations(model, shown(N), latents)
    z = decoded[0].permute(2, 0, 1, 3)
    for pair, paths in enumerate(z):
        for path in paths:
            torch.testing.assert_close(path[0], latents.mean[2 * pair])
            torch.testing.assert_close(path[-1], latents.mean[2 * pair + 1])
        middle = gallery.POINTS // 2
        torch.testing.assert_close(paths[0, middle], (paths[0, 0] + paths[0, -1]) / 2)
        assert paths[1, middle].norm() >= paths[0, middle].norm()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["line", "arc"] * gallery.PAIRS


def test_samples_are_above_their_nearest_neighbours():
    train = digits(N).numpy()
    samples = torch.from_numpy(train[::6]).float() / 255
    figure = gallery.neighbour_rows(samples, nearest_neighbours(samples, train), train)
    sheet = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_array_equal(sheet[2:10], sheet[12:20])  # each is its own nearest neighbour
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["sample", "nearest"]


def test_collapsed_model_has_a_traversal():
    model = vae().eval()
    for head in (model.posterior.fc_mu, model.posterior.fc_log_var):
        torch.nn.init.zeros_(head.weight)
    latents = measure_latents(model, digits(N))
    assert not latents.active_units.any()
    figure = gallery.traversals(model, shown(N), latents, dimension_table(latents))
    assert len(figure.axes[0].get_yticklabels()) == 1


def test_drawing_does_not_change_the_global_style():
    before = dict(mpl.rcParams)
    model, images, latents, table = drawn(2)
    gallery.gallery_figures(model, images, latents, table, LABELS, CLASSES)
    assert dict(mpl.rcParams) == before


def test_map_of_factors_has_the_information_on_factors_that_vary():
    _, _, latents, _ = drawn(3)
    factors = np.stack([np.arange(N) % 2, np.zeros(N, int), np.arange(N) % 3], axis=1)
    means = torch.from_numpy(factors[:, [2, 1, 0]]).float()
    sizes = {"shape": 2, "scale": 1, "x": 3}
    (figure,) = gallery.factor_information(replace(latents, mean=means), factors, sizes).values()
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["shape", "x"]
    np.testing.assert_allclose(axes.images[0].get_array(), [[0, 1], [0, 0], [1, 0]], atol=1e-9)


def test_without_factors_there_is_no_map_of_factors():
    assert gallery.factor_information(drawn(3)[2], None, {}) == {}


def test_few_images_are_interpolated_in_whole_pairs():
    model, _, latents, _ = drawn(3)
    few = replace(latents, mean=latents.mean[:5], variance=latents.variance[:5], kl=latents.kl[:5])
    assert len(gallery.interpolations(model, shown(N), few).axes[0].get_yticks()) == 2 * 2
