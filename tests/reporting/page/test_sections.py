from tests.support.pages import png
from vaeline.reporting.page.pictures import (
    OTHER_PICTURES,
    PICTURE_SECTIONS,
    picture_captions,
    picture_sections,
)


def test_every_picture_is_in_one_section_in_the_order_of_a_page():
    names = [name for captions in PICTURE_SECTIONS.values() for name in captions]
    assert len(names) == len(set(names))
    sections = picture_sections({name: png() for name in ["my_own", *reversed(names)]})
    assert [picture.name for section in sections.values() for picture in section] == [*names, "my_own"]
    assert list(sections) == [*PICTURE_SECTIONS, OTHER_PICTURES]
    assert sections[OTHER_PICTURES][0].caption == "My own"


def test_empty_section_is_left_out():
    assert list(picture_sections({"samples": png()})) == ["Samples"]


def test_picture_has_its_size_and_may_need_the_whole_width():
    (section,) = picture_sections({"samples": png(40, 30), "neighbours": png(90, 30)}).values()
    assert [(picture.size, picture.broad) for picture in section] == [((40, 30), False), ((90, 30), True)]


def test_captions_of_several_runs_are_those_of_any_run():
    assert list(picture_captions([{"samples": png()}, {"own": png(), "training": png()}])) == [
        "training",
        "samples",
        "own",
    ]
