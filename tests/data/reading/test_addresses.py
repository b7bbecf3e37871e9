import shutil
from pathlib import Path

import pytest
from gdown.exceptions import DownloadError
from torchvision import datasets

from tests.support import archives
from tests.support.published import files, served
from vaeline.core.errors import VaelineError
from vaeline.data.catalog import DATASETS
from vaeline.data.sets import svhn


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A folder served on the loopback, with SVHN's files at the addresses that torchvision knows."""
    folder = tmp_path / "server"
    archives.svhn(folder, monkeypatch)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with served(folder) as address:
        moved = {
            part: [f"{address}/{name}", name, md5]
            for part, (_, name, md5) in datasets.SVHN.split_list.items()
        }
        monkeypatch.setattr(datasets.SVHN, "split_list", moved)
        yield folder


def test_single_files_are_downloaded_with_torchvision(server, into):
    svhn.SVHN_FILES.deliver(["test_32x32.mat"], into)
    assert files(into) == {"test_32x32.mat": (server / "test_32x32.mat").read_bytes()}


def test_a_data_set_of_single_files_is_downloaded_once_and_then_read_from_disk(server, tmp_path):
    first = DATASETS.build({"name": "svhn"}, raw=tmp_path / "raw").training()
    assert files(tmp_path / "raw") == files(server)
    for path in server.iterdir():
        path.unlink()
    again = DATASETS.build({"name": "svhn"}, raw=tmp_path / "raw").training()
    assert (first.values == again.values).all()


def test_a_wrong_file_is_rejected_while_files_before_it_are_kept(server, tmp_path):
    (server / "test_32x32.mat").write_bytes(b"<html>log in first</html>")
    raw = tmp_path / "raw"
    with pytest.raises(VaelineError, match=rf"/test_32x32.mat .*corrupted.*put test_32x32.mat into {raw}$"):
        DATASETS.build({"name": "svhn"}, raw=raw).training()
    assert set(files(raw)) == {"train_32x32.mat"}


NEEDED = {
    "cifar10": ("cifar-10-python.tar.gz", ""),
    "svhn": ("train_32x32.mat, test_32x32.mat", ""),
    "omniglot": ("images_background.zip, images_evaluation.zip", "/omniglot-py"),
    "celeba": ("img_align_celeba.zip, list_attr_celeba.txt, list_eval_partition.txt", "/celeba"),
}


@pytest.mark.parametrize("name", NEEDED)
def test_without_a_network_a_one_line_error_says_which_files_to_put_where(name, tmp_path, monkeypatch):
    """With a proxy that does not answer, the real addresses are tried, and nothing outside is reached."""
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    names, folder = NEEDED[name]
    with pytest.raises(VaelineError) as caught:
        DATASETS.build({"name": name}, raw=tmp_path).training()
    line = str(caught.value)
    assert line.startswith("the data could not be downloaded (")
    assert line.endswith(f": put {names} into {tmp_path}{folder}")
    assert "\n" not in line
    assert ("mmlab.ie.cuhk.edu.hk" in line) == (name == "celeba")


@pytest.fixture
def drive(tmp_path, monkeypatch):
    """Google Drive as gdown sees it: files by id."""
    raw = tmp_path / "drive"
    archives.celeba(raw, monkeypatch)
    files_by_id = {file_id: raw / "celeba" / name for file_id, _, name in datasets.CelebA.file_list}

    def download(*, id, output, **_):  # noqa: A002 (gdown's own name)
        shutil.copy(files_by_id[id], output)

    monkeypatch.setattr("gdown.download", download)
    return raw / "celeba"


def test_google_drive_files_are_downloaded_with_torchvision(drive, tmp_path):
    dataset = DATASETS.build({"name": "celeba"}, raw=tmp_path / "raw")
    assert len(dataset.training().values) == 32
    assert files(tmp_path / "raw" / "celeba") == files(drive)


@pytest.mark.parametrize("refusal", ["a page", "an error"])
def test_a_refusal_of_google_drive_is_a_one_line_error_with_the_page_to_download_from(
    drive, tmp_path, monkeypatch, refusal
):
    def refused(*, output, **_):
        if refusal == "an error":
            raise DownloadError("Too many users have viewed\nor downloaded this file recently.")
        Path(output).write_text("<html>")

    monkeypatch.setattr("gdown.download", refused)
    reason = {"a page": "File not found or corrupted", "an error": "Too many users have viewed or down"}[
        refusal
    ]
    with pytest.raises(
        VaelineError, match=rf"img_align_celeba.zip: {reason}.*by hand from https://mmlab"
    ) as caught:
        DATASETS.build({"name": "celeba"}, raw=tmp_path / "raw").training()
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "raw" / "celeba").iterdir())
