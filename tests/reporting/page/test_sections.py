from tests.support.pages import png
from vaeline.reporting.page.pictures import OTHERS, PICTURE_SECTIONS, kinds, sections


def test_every_picture_stands_in_one_section_in_the_order_of_a_page():
    known = [name for captions in PICTURE_SECTIONS.values() for name in captions]
    assert len(known) == len(set(known))
    shown = sections({name: png() for name in ["my_own", *reversed(known)]})
    assert [picture.name for of_section in shown.values() for picture in of_section] == [*known, "my_own"]
    assert list(shown) == [*PICTURE_SECTIONS, OTHERS]
    assert shown[OTHERS][0].caption == "My own"


def test_a_section_without_pictures_is_left_out():
    assert list(sections({"samples": png()})) == ["Samples"]


def test_a_picture_knows_its_size_and_whether_it_needs_the_whole_width():
    (shown,) = sections({"samples": png(40, 30), "neighbours": png(90, 30)}).values()
    assert [(picture.size, picture.broad) for picture in shown] == [((40, 30), False), ((90, 30), True)]


def test_the_kinds_of_several_runs_are_those_of_any():
    assert list(kinds([{"samples": png()}, {"own": png(), "training": png()}])) == [
        "training",
        "samples",
        "own",
    ]
