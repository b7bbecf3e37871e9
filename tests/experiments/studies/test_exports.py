import pytest

from vaeline.core.errors import VaelineError
from vaeline.experiments.studies import exports
from vaeline.experiments.studies.exports import ExportRow, export_rows, export_table


def test_row_says_what_was_written_or_why_not(at_the_root, monkeypatch):
    monkeypatch.setattr(exports, "write_onnx", lambda *_: {"encoder": 1e-7, "decoder": 3e-7})
    rows = export_rows(["conditional", "pixelcnn"])
    assert rows[0] == ExportRow("conditional", True, "image, label, noise → z", "z, label → mean", 3e-7)
    assert rows[1].same_weights
    assert rows[1].difference is None
    table = export_table(rows)
    assert "| conditional | yes | yes | image, label, noise → z | z, label → mean | 3.0e-07 |" in table
    assert "| pixelcnn | yes | no: likelihood.name = 'pixelcnn' draws pixel by pixel" in table


def test_unknown_model_is_told_in_one_line(at_the_root):
    with pytest.raises(VaelineError, match="there is no 'gan': beta-tc conditional"):
        export_rows(["gan"])
