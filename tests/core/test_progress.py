import io
import sys

import pytest

from vaeline.core.progress import bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "sparing"), [(Terminal(), False), (io.StringIO(), True)], ids=["terminal", "file"]
)
def test_a_file_gets_few_lines_and_a_terminal_a_moving_bar(monkeypatch, stream, sparing):
    monkeypatch.setattr(sys, "stderr", stream)
    with bar(range(3), desc="work", file=stream) as progress:
        assert (progress.mininterval >= 10) is sparing
        assert list(progress) == [0, 1, 2]
    assert "work" in stream.getvalue()
    assert "3/3" in stream.getvalue()
