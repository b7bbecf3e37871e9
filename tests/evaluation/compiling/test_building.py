from threading import Event
from types import SimpleNamespace

import pytest
from torch._inductor.cpp_builder import CppBuilder

from vaeline.evaluation.compiling.building import wrapper_beside_kernels

PATIENCE = 60.0  # seconds; what runs at once does not wait for each other as long


def builder(name: str) -> SimpleNamespace:
    return SimpleNamespace(get_target_file_path=lambda: f"/somewhere/{name}")


def test_kernels_are_compiled_beside_the_wrapper_and_linked_after_both(monkeypatch):
    """Each of the two waits for the other to have begun."""
    began, ended = {"a.wrapper.o": Event(), "b.kernel.o": Event()}, []

    def build(self: SimpleNamespace) -> None:
        name = self.get_target_file_path().rpartition("/")[2]
        if name in began:
            began[name].set()
            assert all(event.wait(PATIENCE) for event in began.values())
        ended.append(name)

    monkeypatch.setattr(CppBuilder, "build", build)
    with wrapper_beside_kernels():
        for name in ("a.wrapper.o", "b.kernel.o", "a.wrapper.so"):
            CppBuilder.build(builder(name))
    assert sorted(ended[:2]) == sorted(began)
    assert ended[2:] == ["a.wrapper.so"]
    assert CppBuilder.build is build


def test_a_wrapper_that_cannot_be_compiled_is_not_linked(monkeypatch):
    def build(self: SimpleNamespace) -> None:
        if self.get_target_file_path().endswith(".o"):
            raise OSError("no compiler")
        pytest.fail("linked")

    monkeypatch.setattr(CppBuilder, "build", build)
    with wrapper_beside_kernels():
        CppBuilder.build(builder("a.wrapper.o"))
        with pytest.raises(OSError, match="no compiler"):
            CppBuilder.build(builder("a.wrapper.so"))
    assert CppBuilder.build is build
