import pytest

from vaeline.core.errors import VaelineError
from vaeline.runtime.agreement import host_facts, reject_differences


def test_hosts_with_the_same_code_and_data_agree(at_the_root):
    reject_differences([host_facts(f"host {number}", with_data=True) for number in range(3)])


@pytest.mark.parametrize(
    ("name", "remedy"), [("vaeline", "git pull"), ("torch", "make .venv"), ("data", "dvc repro prepare")]
)
def test_what_differs_is_one_line_that_names_both_hosts(at_the_root, name, remedy):
    first, second = host_facts("host 0", with_data=True), host_facts("host 1", with_data=True)
    with pytest.raises(VaelineError) as caught:
        reject_differences([first, second | {name: "0.0.1"}])
    line = str(caught.value)
    assert line.startswith("host 1 (")
    assert f"has {name} (0.0.1), and host 0 (" in line
    assert remedy in line


def test_data_that_one_host_lacks_differ(at_the_root, tmp_path, monkeypatch):
    (tmp_path / "data/prepared").mkdir(parents=True)
    (tmp_path / "data/prepared/description.json").write_text("{}")
    lacking = host_facts("host 1", with_data=True)
    monkeypatch.chdir(tmp_path)
    assert host_facts("host 0", with_data=True)["data"] != lacking["data"]
