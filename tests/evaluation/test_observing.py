import numpy as np
import torch

from tests.support.small import vae
from vaeline.data.prepared import Split
from vaeline.evaluation.observing import evaluation_set, training_set


def mapped(folder) -> Split:
    """Eight examples whose values are mapped as those of prepared data are."""
    stored = np.random.default_rng(0).integers(0, 256, (8, 1, 8, 8), dtype=np.uint8)
    stored.tofile(folder / "values")
    values = np.memmap(folder / "values", np.uint8, mode="c", shape=stored.shape)
    values.flags.writeable = False
    return Split(values, np.arange(8))


def test_a_set_that_is_observed_as_it_is_stored_takes_no_memory(tmp_path):
    model, split = vae(likelihood={"name": "discretized_logistic"}), mapped(tmp_path)
    for part, made in ((split, training_set), (split[3:6], evaluation_set)):
        observations = made(model, part)
        assert isinstance(observations, torch.Tensor)
        assert observations.data_ptr() == part.values.ctypes.data


def test_what_is_written_into_a_training_set_does_not_reach_the_file(tmp_path):
    images = training_set(vae(), mapped(tmp_path))
    before = (tmp_path / "values").read_bytes()
    images[0] = 7
    assert (tmp_path / "values").read_bytes() == before
