import pytest
from pydantic import Field

from vaeline.core.errors import VaelineError
from vaeline.core.params import BaseOptions
from vaeline.core.registry import Table


class Shared(BaseOptions):
    size: int = Field(3, ge=1)


class Plain:
    def __init__(self, section, **context):
        self.section, self.context = section, context


class Tuned(Plain):
    class Options(BaseOptions):
        strength: float = Field(0.5, gt=0)


def table() -> Table[Plain]:
    return Table[Plain]("room", shared=Shared).add("plain", Plain).add("tuned", Tuned)


def test_the_first_part_is_the_default_and_every_block_is_present():
    assert table().parse({}).model_dump() == {"name": "plain", "size": 3, "tuned": {"strength": 0.5}}


def test_build_gives_the_named_part_its_section_and_context():
    part = table().build({"name": "tuned", "size": 4, "tuned": {"strength": 2}}, extra=5)
    assert type(part) is Tuned
    assert (part.section.size, part.section.tuned.strength, part.context) == (4, 2.0, {"extra": 5})


class Frugal:
    """Names one thing of the context, and has no use for its section."""

    def __init__(self, *, extra: int) -> None:
        self.extra = extra


def test_a_part_receives_only_what_its_constructor_names():
    assert table().add("frugal", Frugal).build({"name": "frugal"}, extra=5, more=6).extra == 5


def test_a_part_whose_constructor_names_what_the_context_lacks_is_a_type_error():
    with pytest.raises(TypeError, match="extra"):
        table().add("frugal", Frugal).build({"name": "frugal"})


def test_a_typed_section_is_parsed_as_a_plain_one():
    parts = table()
    assert parts.parse(parts.parse({"size": 7})).size == 7


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"name": "other"}, r"room\.name = 'other' is not allowed: .*'plain' or 'tuned'"),
        ({"size": 0}, r"room\.size = 0 is not allowed: .*greater than or equal to 1"),
        ({"tuned": {"strength": -1.0}}, r"room\.tuned\.strength = -1\.0 is not allowed"),
        ({"tuned": {"strenght": 1.0}}, r"unknown key 'room\.tuned\.strenght' \(did you mean 'strength'\?\)"),
        ({"plain": {}}, r"unknown key 'room\.plain'"),
        ({"tuned": 3}, r"room\.tuned = 3 is not allowed"),
        (None, r"room = None is not allowed"),
        ("tuned", r"room = 'tuned' is not allowed"),
    ],
    ids=str,
)
def test_error_for_a_wrong_section_is_one_line(section, message):
    with pytest.raises(VaelineError, match=message) as caught:
        table().parse(section)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_taken_is_rejected():
    with pytest.raises(VaelineError, match="room: 'tuned' is already in the table"):
        table().add("tuned", Plain)


def test_a_table_lists_its_names_in_order_and_has_its_parts_by_name():
    assert list(table()) == ["plain", "tuned"]
    assert table()["tuned"] is Tuned
