import io
import sys

import pytest

from vaeline.core.progress import bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "seldom"), [(Terminal(), False), (io.StringIO(), True)], ids=["terminal", "file"]
)
def test_a_bar_is_updated_less_often_in_a_file_than_in_a_terminal(monkeypatch, stream, seldom):
    monkeypatch.setattr(sys, "stderr", stream)
    with bar(range(3), desc="work", file=stream) as progress:
        assert (progress.mininterval >= 10) is seldom
        assert list(progress) == [0, 1, 2]
    assert "work" in stream.getvalue()
    assert "3/3" in stream.getvalue()
