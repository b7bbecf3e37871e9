"""Passes over files: what they write is what the model says of each row, however the rows are divided."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from tests.support.small import digits, split, vae
from vaeline.core.errors import VaelineError
from vaeline.core.scaling import Standardised
from vaeline.evaluation.trained import TrainedModel
from vaeline.serving import passes
from vaeline.serving.reference import ReferenceImages, reference_of
from vaeline.serving.scores import Scorer
from vaeline.serving.traversal import ranked_dimensions, traverse

LEVELS = digits(6).numpy()


@pytest.fixture
def trained(tmp_path, monkeypatch) -> TrainedModel:
    """A small model, in a folder with six digits and no prepared data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vaeline.serving.reading.rows_at_a_time", lambda shape: 4)
    np.save("rows.npy", LEVELS)
    return TrainedModel(vae(), "a small model")


def test_encoding_writes_means_or_draws_of_each_row(trained, tmp_path):
    assert passes.encode(trained, tmp_path / "rows.npy", tmp_path / "z.npy") == 6
    assert np.allclose(np.load("z.npy"), trained.encode(LEVELS), atol=1e-6)
    passes.encode(trained, tmp_path / "rows.npy", tmp_path / "draws.npy", draws=200)
    draws = np.load("draws.npy")
    assert draws.shape == (6, 200, 3)
    assert np.abs(draws.mean(1) - np.load("z.npy")).max() < 0.3  # five standard errors of a σ below 1


def test_scores_are_those_of_the_model_and_maps_average_to_its_error(trained, tmp_path):
    scorer = Scorer(trained, k=200, draws=50, expected=-30.0)
    maps = tmp_path / "maps.npy"
    passes.score(scorer, tmp_path / "rows.npy", tmp_path / "s.npy", maps=maps)
    scores = np.load("s.npy")
    assert np.array_equal(scores["typicality"], np.abs(scores["iwae"] + 30))
    assert np.allclose(scores["elbo"], -(scores["distortion"] + scores["rate"]), atol=1e-4)
    assert np.allclose(scores["nll_minus_complexity"], -scores["iwae"] - scores["complexity"])
    assert (scores["elbo"] < scores["iwae"] + 1).all()
    assert np.load(maps).shape == LEVELS.shape
    error = (LEVELS / 255 - trained.reconstruct(LEVELS)) ** 2
    assert np.allclose(scores["mse"], error.mean((1, 2, 3)), rtol=0.2)  # at another draw of z


def test_samples_and_interpolations_have_their_shapes_and_ends(trained, tmp_path):
    passes.sample(trained, 5, tmp_path / "x.npy")
    assert np.load("x.npy").shape == (5, 1, 8, 8)
    for name, rows in (("a.npy", LEVELS[:2]), ("b.npy", LEVELS[2:4])):
        np.save(name, rows)
    passes.interpolate(trained, tmp_path / "a.npy", tmp_path / "b.npy", tmp_path / "path.npy", steps=5)
    path = np.load("path.npy")
    assert path.shape == (2, 5, 1, 8, 8)
    assert np.allclose(path[:, 0], trained.decode(trained.encode(LEVELS[:2])), atol=1e-5)
    with pytest.raises(VaelineError, match=r"a.npy has 2 rows and .*rows.npy has 6: the same"):
        passes.interpolate(trained, tmp_path / "a.npy", tmp_path / "rows.npy", tmp_path / "path.npy")


def test_a_sheet_shows_inputs_beside_reconstructions(trained, tmp_path):
    from PIL import Image

    passes.reconstruct(trained, tmp_path / "rows.npy", tmp_path / "r.png")
    sheet = np.asarray(Image.open("r.png"))
    assert np.array_equal(sheet[2:10, 2:10, 0], LEVELS[0, 0])
    assert np.array_equal(sheet[2:10, 22:30, 0], LEVELS[1, 0])


def test_labels_repeat_until_there_are_enough(tmp_path, monkeypatch):
    trained = TrainedModel(vae(model={"name": "conditional"}), "")
    given = []
    sample = trained.sample
    monkeypatch.setattr(trained, "sample", lambda n, y, t: given.extend(y) or sample(n, y, t))
    passes.sample(trained, 5, tmp_path / "x.npy", labels=[3, 7])
    assert given == [3, 7, 3, 7, 3]


def test_ex_post_sampling_needs_the_training_data_and_nothing_besides(trained, tmp_path, monkeypatch):
    with pytest.raises(VaelineError, match=r"--ex-post needs the data .* `dvc repro prepare`"):
        passes.sample(trained, 2, tmp_path / "x.npy", ex_post=True)
    with pytest.raises(VaelineError, match="leave out --temperature"):
        passes.sample(trained, 2, tmp_path / "x.npy", temperature=0.5, ex_post=True)

    class Data:
        train = split(200)

    monkeypatch.setattr(passes, "needed_training_data", lambda trained, purpose: Data)
    passes.sample(trained, 3, tmp_path / "x.npy", ex_post=True)
    assert np.load(tmp_path / "x.npy").shape == (3, 1, 8, 8)


def test_a_traversal_moves_one_dimension_through_its_aggregate_posterior(trained):
    reference: ReferenceImages = reference_of(trained)
    assert len(reference.images) == len(reference.latents.mean) == 1000  # of its own samples
    dimensions = ranked_dimensions(trained, reference)
    assert sorted(dimension.index for dimension in dimensions) == [0, 1, 2]
    z = trained.encode(LEVELS[:2])
    moved = traverse(trained, z, None, dimensions[:2], 3)
    assert moved.shape == (2, 2, 3, 1, 8, 8)
    by_hand = z[1].copy()
    by_hand[dimensions[1].index] = dimensions[1].centre + 3 * dimensions[1].scale
    assert np.allclose(moved[1, 1, 2], trained.decode(by_hand[None])[0], atol=1e-6)


def test_a_table_is_written_with_its_columns_in_its_units_and_never_as_a_picture(tmp_path, monkeypatch):
    scaling = Standardised(mean=[1.0, 2.0], std=[1.0, 2.0], least=[0.0] * 2, most=[1.0] * 2)
    trained = TrainedModel(vae((2,), scaling, likelihood={"name": "gaussian"}), "")
    trained.model.columns = ("mass", "length")
    samples = tmp_path / "samples.csv"
    passes.sample(trained, 3, samples)
    passes.score(Scorer(trained, k=2, draws=1), samples, tmp_path / "s.csv", maps=tmp_path / "maps.csv")
    for table in ("samples.csv", "maps.csv"):
        assert list(pd.read_csv(tmp_path / table).columns) == ["row", "mass", "length"]
    passes.reconstruct(trained, samples, tmp_path / "rebuilt.npy")
    assert np.load(tmp_path / "rebuilt.npy").shape == (3, 2)
    monkeypatch.setattr(passes, "needed_training_data", lambda *_: SimpleNamespace(train=None))
    monkeypatch.setattr(passes, "fit_ex_post", lambda *_: SimpleNamespace(sample=lambda n: torch.zeros(n, 2)))
    passes.sample(trained, 3, tmp_path / "ex_post.npy", ex_post=True)
    assert np.array_equal(np.load(tmp_path / "ex_post.npy"), [[1.0, 2.0]] * 3)
    with pytest.raises(VaelineError, match=r"errors.png: use a name that ends in .npy, .csv, .parquet$"):
        passes.score(Scorer(trained), samples, tmp_path / "s.csv", maps=tmp_path / "errors.png")
