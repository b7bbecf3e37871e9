import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torchvision.models import vgg16

from tests.support.small import SHAPE, config, objective, vae
from vaeline.core.errors import VaelineError
from vaeline.data.observations import resident
from vaeline.models.catalog import MODELS
from vaeline.models.likelihoods.bernoulli import brighter
from vaeline.runtime.devices import device
from vaeline.training.objectives import perceptual
from vaeline.training.objectives.catalog import OBJECTIVES


@pytest.mark.parametrize(
    ("name", "there", "expected"),
    [
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
        ("cpu", True, "cpu"),
        ("cpu", False, "cpu"),
        ("cuda", True, "cuda"),
    ],
)
def test_auto_is_cuda_if_available(monkeypatch, name, there, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert device(name) == torch.device(expected)


def test_missing_cuda_is_rejected_with_what_to_do(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(VaelineError, match=r"device = 'cuda'.*use device: auto or cpu"):
        device("cuda")


ONE_LAYER = ("beta_tc", "dip", "factor", "info")


@pytest.mark.parametrize(
    ("name", "model"), [(n, m) for n in OBJECTIVES for m in MODELS if m == "vae" or n not in ONE_LAYER]
)
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_computation_stays_on_a_cuda_device_and_never_waits_for_it(name, model, network, monkeypatch):
    """Tensors without data, on a device that need not be there: torch still refuses to mix devices, and
    to give a number to Python, which is to wait.
    """
    monkeypatch.setattr(perceptual, "vgg", lambda: vgg16().features[: perceptual.VGG_LAYERS[-1] + 1])
    params = config(
        objective={"name": name, "k": 1}, model={"name": model}, network={"name": network, "batch_norm": True}
    )
    with FakeTensorMode(), torch.device("cuda"):
        images = torch.empty(50, *SHAPE, dtype=torch.uint8)
        x = brighter(images, torch.empty(50, *SHAPE, dtype=torch.int16))
        terms = objective(params)(vae(**params.to_dict()), x, 0.5)
        assert {value.device.type for value in (x, *terms)} == {"cuda"}


@pytest.mark.parametrize(("free", "there"), [(2.5, True), (1.5, False)])
def test_images_are_kept_on_the_device_if_they_leave_half_of_it_free(monkeypatch, free, there):
    with FakeTensorMode():
        images = torch.empty(100, *SHAPE, dtype=torch.uint8)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free * images.nbytes, 0))
        assert resident(images, torch.device("cuda")).is_cuda == there
        assert not resident(images, torch.device("cpu")).is_cuda
