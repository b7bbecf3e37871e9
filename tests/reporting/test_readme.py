import pytest

from vaeline.core.errors import VaelineError
from vaeline.core.files import write_json
from vaeline.reporting.readme import END, START, update_readme


@pytest.fixture
def readme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "README.md"
    path.write_text(f"above\n{START}old figures\n{END}\nbelow\n")
    return path


@pytest.fixture
def report(tmp_path):
    metrics = {"evaluate/elbo": -98.123, "evaluate/elbo_se": 0.251}
    write_json(tmp_path / "outputs/report/summary.json", {"metrics": metrics})
    picture = tmp_path / "outputs/report/plots/samples.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"a picture")


def test_figures_are_between_the_markers_and_nothing_else_changes(readme, report, tmp_path):
    update_readme()
    once = readme.read_text()
    assert once.startswith(f"above\n{START}")
    assert once.endswith(f"{END}\nbelow\n")
    assert "old figures" not in once
    assert "| ELBO, test (nats) | -98.12 ± 0.25 |" in once
    assert (tmp_path / "docs/pictures/samples.png").read_bytes() == b"a picture"
    update_readme()
    assert readme.read_text() == once


def test_without_a_run_one_line_says_what_to_do(readme):
    before = readme.read_text()
    with pytest.raises(VaelineError, match=r"summary\.json: no such file; `make repro` writes it"):
        update_readme()
    assert readme.read_text() == before


@pytest.mark.parametrize("content", ["no markers\n", f"{START}no end\n"])
def test_readme_without_markers_is_left_alone(readme, report, content):
    readme.write_text(content)
    with pytest.raises(VaelineError, match="needs the lines"):
        update_readme()
    assert readme.read_text() == content
