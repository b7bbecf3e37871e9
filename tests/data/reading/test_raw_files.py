import pytest

from tests.support.published import compressed, md5, sha256
from vaeline.core.errors import VaelineError
from vaeline.data.reading.raw_files import obtain
from vaeline.data.reading.sources import DeliveryError

CONTENTS = {"images": b"pixels" * 100, "labels": b"0123"}
DIGESTS = {"images": sha256(CONTENTS["images"]), "labels": md5(CONTENTS["labels"])}


class Shelf:
    """A source that delivers what it has, and notes what it was asked for."""

    def __init__(self, label="the shelf", **files):
        self.label = label
        self.files = files
        self.asked = []

    def __str__(self):
        return self.label

    def deliver(self, names, folder):
        self.asked.append(list(names))
        for name in names:
            if name not in self.files:
                raise DeliveryError(f"has no {name}")
            (folder / name).write_bytes(self.files[name])


def contents(files):
    return {name: path.read_bytes() for name, path in files.items()}


def test_what_lies_there_is_used_and_no_source_asked(tmp_path):
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)
    shelf = Shelf()
    assert contents(obtain(tmp_path, DIGESTS, [shelf])) == CONTENTS
    assert shelf.asked == []


def test_a_compressed_copy_is_as_good(tmp_path):
    (tmp_path / "images.gz").write_bytes(compressed(CONTENTS["images"]))
    (tmp_path / "labels").write_bytes(CONTENTS["labels"])
    assert obtain(tmp_path, DIGESTS, [])["images"] == tmp_path / "images.gz"


def test_a_digest_of_a_gz_file_is_that_of_the_file_itself(tmp_path):
    packed = compressed(CONTENTS["images"])
    (tmp_path / "images.gz").write_bytes(packed)
    assert obtain(tmp_path, {"images.gz": md5(packed)}, []) == {"images.gz": tmp_path / "images.gz"}
    with pytest.raises(VaelineError, match="damaged"):
        obtain(tmp_path, {"images.gz": md5(CONTENTS["images"])}, [])


def test_only_what_is_missing_is_fetched(tmp_path):
    (tmp_path / "labels").write_bytes(CONTENTS["labels"])
    shelf = Shelf(**CONTENTS)
    assert contents(obtain(tmp_path / ".", DIGESTS, [shelf])) == CONTENTS
    assert shelf.asked == [["images"]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "labels"]


def test_the_next_source_is_asked_for_what_the_first_did_not_deliver(tmp_path):
    first, second = Shelf(images=CONTENTS["images"]), Shelf(**CONTENTS)
    assert contents(obtain(tmp_path, DIGESTS, [first, second])) == CONTENTS
    assert second.asked == [["labels"]]


@pytest.mark.parametrize("name", CONTENTS)
def test_what_a_source_delivers_is_verified(tmp_path, name):
    forged = Shelf("the forger", **CONTENTS | {name: b"something else"})
    with pytest.raises(VaelineError, match=rf"the forger: .*checksum.*put {name} into {tmp_path}"):
        obtain(tmp_path, DIGESTS, [forged])
    assert not (tmp_path / name).exists()
    assert contents(obtain(tmp_path, DIGESTS, [forged, Shelf(**CONTENTS)])) == CONTENTS


@pytest.mark.parametrize("damage", [b"", CONTENTS["images"][:-1], b"P" + CONTENTS["images"][1:]])
def test_a_damaged_file_is_said_and_fetched_anew(tmp_path, capsys, damage):
    (tmp_path / "images").write_bytes(damage)
    assert contents(obtain(tmp_path, DIGESTS, [Shelf(**CONTENTS)])) == CONTENTS
    assert f"{tmp_path / 'images'}: damaged" in capsys.readouterr().out


@pytest.mark.parametrize(
    "damage", [b"no gzip at all", compressed(b"pixels" * 100)[:-9], compressed(b"other")]
)
def test_a_damaged_gz_file_that_cannot_be_fetched_is_refused_by_name_and_left(tmp_path, damage):
    (tmp_path / "images.gz").write_bytes(damage)
    with pytest.raises(
        VaelineError, match=rf"^{tmp_path / 'images.gz'}: damaged .*has no images.*delete it and put"
    ):
        obtain(tmp_path, DIGESTS, [Shelf(labels=CONTENTS["labels"])])
    assert (tmp_path / "images.gz").read_bytes() == damage


def test_none_reachable_is_one_line_that_says_what_to_put_where(tmp_path):
    with pytest.raises(VaelineError) as refusal:
        obtain(tmp_path / "raw", DIGESTS, [Shelf("the attic"), Shelf("the cellar")])
    assert str(refusal.value) == (
        "the data could not be fetched (the attic: has no images; the cellar: has no images): "
        f"put images, labels into {tmp_path / 'raw'}"
    )


def test_a_failed_fetch_leaves_nothing_behind(tmp_path):
    with pytest.raises(VaelineError):
        obtain(tmp_path, DIGESTS, [Shelf(images=b"something else")])
    assert list(tmp_path.iterdir()) == []
