"""A process that loses another ends with one line."""

import pytest
import torch

from vaeline.runtime.meeting import LostError, _losses_in_one_line

CLOSED = (
    "[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:545] Read error [10.77.0.2]:40637: Connection "
    "timed out. This is typically caused by a remote worker hanging"
)


def processes(monkeypatch, of_host: str) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": of_host}.items():
        monkeypatch.setenv(name, value)


def test_a_lost_host_is_one_line_with_its_address(monkeypatch):
    processes(monkeypatch, of_host="1")
    with pytest.raises(LostError) as caught, _losses_in_one_line():
        raise RuntimeError(CLOSED)
    assert str(caught.value) == (
        "another process at 10.77.0.2 has ended or is not reached: the same command on every host resumes it"
    )


@pytest.mark.parametrize("error", [RuntimeError(CLOSED), torch.distributed.DistBackendError("NCCL: remote")])
def test_a_lost_process_of_this_host_is_one_line(monkeypatch, error):
    processes(monkeypatch, of_host="2")
    with pytest.raises(
        LostError, match=r"^another process has ended or is not reached: the same command resum"
    ):
        with _losses_in_one_line():
            raise error


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes"), _losses_in_one_line():
        raise RuntimeError("shapes do not match")
