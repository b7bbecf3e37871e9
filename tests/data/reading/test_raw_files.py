import pytest

from tests.support.published import compressed, md5, sha256
from vaeline.core.errors import VaelineError
from vaeline.data.reading.raw_files import obtain
from vaeline.data.reading.sources import DeliveryError

CONTENTS = {"images": b"pixels" * 100, "labels": b"0123"}
DIGESTS = {"images": sha256(CONTENTS["images"]), "labels": md5(CONTENTS["labels"])}


class StubSource:
    """A source that delivers `files`, and records which names it was asked for."""

    def __init__(self, label="the source", **files):
        self.label = label
        self.files = files
        self.requests = []

    def __str__(self):
        return self.label

    def deliver(self, names, folder):
        self.requests.append(list(names))
        for name in names:
            if name not in self.files:
                raise DeliveryError(f"has no {name}")
            (folder / name).write_bytes(self.files[name])


def contents(files):
    return {name: path.read_bytes() for name, path in files.items()}


def test_files_that_are_present_are_used_without_asking_a_source(tmp_path):
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)
    source = StubSource()
    assert contents(obtain(tmp_path, DIGESTS, [source])) == CONTENTS
    assert source.requests == []


def test_a_compressed_copy_is_accepted(tmp_path):
    (tmp_path / "images.gz").write_bytes(compressed(CONTENTS["images"]))
    (tmp_path / "labels").write_bytes(CONTENTS["labels"])
    assert obtain(tmp_path, DIGESTS, [])["images"] == tmp_path / "images.gz"


def test_the_digest_of_a_gz_file_is_that_of_the_file_itself(tmp_path):
    packed = compressed(CONTENTS["images"])
    (tmp_path / "images.gz").write_bytes(packed)
    assert obtain(tmp_path, {"images.gz": md5(packed)}, []) == {"images.gz": tmp_path / "images.gz"}
    with pytest.raises(VaelineError, match="damaged"):
        obtain(tmp_path, {"images.gz": md5(CONTENTS["images"])}, [])


def test_only_missing_files_are_downloaded(tmp_path):
    (tmp_path / "labels").write_bytes(CONTENTS["labels"])
    source = StubSource(**CONTENTS)
    assert contents(obtain(tmp_path / ".", DIGESTS, [source])) == CONTENTS
    assert source.requests == [["images"]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "labels"]


def test_the_second_source_is_asked_for_what_the_first_did_not_deliver(tmp_path):
    first, second = StubSource(images=CONTENTS["images"]), StubSource(**CONTENTS)
    assert contents(obtain(tmp_path, DIGESTS, [first, second])) == CONTENTS
    assert second.requests == [["labels"]]


@pytest.mark.parametrize("name", CONTENTS)
def test_delivered_files_are_verified(tmp_path, name):
    mirror = StubSource("the mirror", **CONTENTS | {name: b"something else"})
    with pytest.raises(VaelineError, match=rf"the mirror: .*checksum.*put {name} into {tmp_path}"):
        obtain(tmp_path, DIGESTS, [mirror])
    assert not (tmp_path / name).exists()
    assert contents(obtain(tmp_path, DIGESTS, [mirror, StubSource(**CONTENTS)])) == CONTENTS


@pytest.mark.parametrize("damage", [b"", CONTENTS["images"][:-1], b"P" + CONTENTS["images"][1:]])
def test_a_damaged_file_is_reported_and_downloaded_again(tmp_path, capsys, damage):
    (tmp_path / "images").write_bytes(damage)
    assert contents(obtain(tmp_path, DIGESTS, [StubSource(**CONTENTS)])) == CONTENTS
    assert f"{tmp_path / 'images'}: damaged" in capsys.readouterr().out


@pytest.mark.parametrize(
    "damage", [b"no gzip at all", compressed(b"pixels" * 100)[:-9], compressed(b"other")]
)
def test_a_damaged_gz_file_that_cannot_be_downloaded_is_rejected_by_name_and_left_in_place(tmp_path, damage):
    (tmp_path / "images.gz").write_bytes(damage)
    with pytest.raises(
        VaelineError, match=rf"^{tmp_path / 'images.gz'}: damaged .*has no images.*`rm .*` and put"
    ):
        obtain(tmp_path, DIGESTS, [StubSource(labels=CONTENTS["labels"])])
    assert (tmp_path / "images.gz").read_bytes() == damage


def test_without_any_source_a_one_line_error_says_which_files_to_put_where(tmp_path):
    with pytest.raises(VaelineError) as caught:
        obtain(tmp_path / "raw", DIGESTS, [StubSource("the attic"), StubSource("the cellar")])
    assert str(caught.value) == (
        "the data could not be downloaded (the attic: has no images; the cellar: has no images): "
        f"put images, labels into {tmp_path / 'raw'}"
    )


def test_a_failed_download_leaves_no_files(tmp_path):
    with pytest.raises(VaelineError):
        obtain(tmp_path, DIGESTS, [StubSource(images=b"something else")])
    assert list(tmp_path.iterdir()) == []
