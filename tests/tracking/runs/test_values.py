import math

from hypothesis import given
from hypothesis import strategies as st

from vaeline.tracking.runs.values import kept_text, same_number

any_text = st.text(st.characters(), max_size=120)


@given(any_text, any_text)
def test_texts_that_differ_are_kept_apart_and_fit(one, other):
    one_kept, other_kept = kept_text(one, 60), kept_text(other, 60)
    assert len(one_kept) <= 60
    valid = [text.encode("utf-8", "replace").decode().replace("\0", "\ufffd") for text in (one, other)]
    assert (one_kept == other_kept) == (valid[0] == valid[1])
    assert kept_text(one_kept, 60) == one_kept


def test_long_texts_that_differ_at_their_end_are_kept_apart():
    assert kept_text("a" * 9000 + "b", 6000) != kept_text("a" * 9000 + "c", 6000)
    assert kept_text("a" * 9000, 6000).startswith("a" * 5900)


def test_numbers_that_mlflow_changes_are_the_same():
    assert same_number(math.nan, math.nan)
    assert same_number(1.7976931348623157e308, math.inf)
    assert same_number(-1.7976931348623157e308, -math.inf)
    assert same_number(3, 3.0)
    assert not same_number(1.0, math.nan)
    assert not same_number(math.inf, -math.inf)
