import pytest
import torch

from vaeline.devices import device
from vaeline.errors import VaelineError


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
def test_auto_is_cuda_where_there_is_one(monkeypatch, name, there, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert device(name) == torch.device(expected)


def test_cuda_that_is_not_there_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(VaelineError, match=r"device = 'cuda'.*use device: auto or cpu"):
        device("cuda")
