"""The command that is printed for a damaged file heals it: tried in a repository of DVC's."""

import hashlib
import os
import re
import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo

from vaeline.core.errors import DamagedFileError, VaelineError
from vaeline.runtime import damage
from vaeline.runtime.damage import with_remedy

PIPELINE = """
stages:
  train:
    cmd: mkdir -p outputs/checkpoints && cp source outputs/checkpoints/best.pt && echo ran >> log
    deps: [source]
    outs: [outputs/checkpoints]
  evaluate:
    cmd: cp outputs/checkpoints/best.pt result
    deps: [outputs/checkpoints]
    outs: [result]
"""
BEST = Path("outputs/checkpoints/best.pt")
CONTENT = bytes(range(256)) * 10
FAULT = "damaged checkpoint (BadZipFile)"


def do(command: str) -> None:
    """Does what a pasted `rm … && dvc repro` does; DVC runs in this process, to save its imports."""
    remove, repro = command.split(" && ")
    assert repro == "dvc repro"
    subprocess.run(["sh", "-c", remove], check=True)
    with Repo() as repo:
        repo.reproduce()


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """A repository whose pipeline has run once."""
    root = tmp_path_factory.mktemp("repository")
    (root / "source").write_bytes(CONTENT)
    (root / "dvc.yaml").write_text(PIPELINE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        Repo.init(no_scm=True).close()
        do("true && dvc repro")
    return root


def flip_a_bit(path: Path) -> None:
    """Damages a file as a disk does: its times and its mode stay."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(before.st_mode)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def cached() -> Path:
    md5 = hashlib.md5(CONTENT).hexdigest()
    return Path(".dvc/cache/files/md5", md5[:2], md5[2:])


def message(**options: bool) -> str:
    return with_remedy(DamagedFileError(BEST, FAULT, "use another"), **options)


def command(text: str) -> str:
    (found,) = re.findall("`(.*?)`", text)
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")
def test_the_printed_command_heals_a_damaged_file_and_its_damaged_object(repository, monkeypatch):
    monkeypatch.chdir(repository)
    flip_a_bit(BEST)
    do("true && dvc repro")
    assert BEST.read_bytes() != CONTENT  # DVC alone does not notice
    text = message()
    assert text == f"{BEST}: {FAULT}: `rm -f {BEST} && dvc repro` restores it"
    do(command(text))
    assert BEST.read_bytes() == CONTENT
    assert Path("log").read_text() == "ran\n"  # it came from the cache

    flip_a_bit(cached())
    flip_a_bit(BEST)
    text = message()
    assert (
        text == f"{BEST}: {FAULT}: in DVC's cache, too: `rm -f {cached()} {BEST} && dvc repro` makes it again"
    )
    do(command(text))
    assert BEST.read_bytes() == cached().read_bytes() == CONTENT
    assert Path("log").read_text() == "ran\nran\n"


@pytest.fixture
def recorded(tmp_path, monkeypatch) -> None:
    """A file and its object, as DVC would have them, without DVC."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(damage, "_cache", lambda: Path(".dvc/cache"))
    for path in (BEST, cached()):
        path.parent.mkdir(parents=True)
        path.write_bytes(CONTENT)
    md5 = hashlib.md5(CONTENT).hexdigest()
    Path("dvc.lock").write_text(f"stages:\n  train:\n    outs: [{{path: {BEST}, hash: md5, md5: {md5}}}]\n")


@pytest.mark.usefixtures("recorded")
def test_in_a_copy_that_dvc_removes_only_the_object_is_named():
    flip_a_bit(BEST)
    assert message(in_workspace=False).endswith("): run it again")
    flip_a_bit(cached())
    assert message(in_workspace=False).endswith(
        f"): in DVC's cache, too: `rm -f {cached()}`, then the same command"
    )


@pytest.mark.usefixtures("recorded")
def test_what_a_stage_wrote_like_this_is_made_again():
    assert message().endswith(
        "): 'train' wrote it like this: `dvc repro --force --single-item train && dvc repro`"
    )
    other = DamagedFileError(Path("docs/record.json"), "damaged", "git checkout")
    assert with_remedy(other) == "docs/record.json: damaged: git checkout"
    Path("dvc.lock").unlink()
    assert message() == f"{BEST}: {FAULT}: use another"
    assert with_remedy(VaelineError("beta = x")) == "beta = x"


@pytest.mark.usefixtures("recorded")
def test_a_folder_names_each_damaged_file_in_it_and_one_without_a_list_is_made_again():
    entry = Path("dvc.lock").read_text().replace(str(BEST), str(BEST.parent))
    md5 = hashlib.md5(CONTENT).hexdigest()
    listing = Path(".dvc/cache/files/md5/ab/c.dir")
    listing.parent.mkdir()
    names = ("best.pt", "last.pt", "whole.pt")
    listing.write_text("[" + ",".join(f'{{"relpath": "{n}", "md5": "{md5}"}}' for n in names) + "]")
    Path("dvc.lock").write_text(entry.replace(md5, "abc.dir"))
    for name in names:
        (BEST.parent / name).write_bytes(CONTENT if name == "whole.pt" else b"damaged")
    error = DamagedFileError(BEST.parent, "damaged (ValueError)", "")
    both = f"{BEST} {BEST.with_name('last.pt')}"
    assert with_remedy(error).endswith(f"damaged (ValueError): `rm -f {both} && dvc repro` restores it")
    listing.write_text("[")
    assert with_remedy(error).endswith(
        "): `dvc repro --force --single-item train && dvc repro` makes it again"
    )
