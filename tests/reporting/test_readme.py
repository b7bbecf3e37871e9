import pytest

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_json
from vaeline.reporting import readme as showcase


@pytest.fixture
def readme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "README.md"
    path.write_text(f"above\n{showcase.START}old figures\n{showcase.END}\nbelow\n")
    return path


def test_the_figures_stand_between_the_marks_and_nothing_else_changes(readme, tmp_path):
    write_json(
        "outputs/report/summary.json", {"metrics": {"evaluate/elbo": -98.123, "evaluate/elbo_se": 0.251}}
    )
    picture = tmp_path / "outputs/report/plots/samples.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"a picture")
    showcase.update_readme()
    once = readme.read_text()
    assert once.startswith(f"above\n{showcase.START}")
    assert once.endswith(f"{showcase.END}\nbelow\n")
    assert "old figures" not in once
    assert "| ELBO, test (nats) | -98.12 ± 0.25 |" in once
    assert (tmp_path / "docs/pictures/samples.png").read_bytes() == b"a picture"
    showcase.update_readme()
    assert readme.read_text() == once


def test_without_a_run_one_line_says_what_to_do(readme):
    before = readme.read_text()
    with pytest.raises(VaelineError, match="make repro"):
        showcase.update_readme()
    assert readme.read_text() == before
