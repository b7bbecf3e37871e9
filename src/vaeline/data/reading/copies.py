"""Examples that are in more than one split, value for value: what is measured on them was trained on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

from vaeline.core.nouns import Noun

COPIES_NAMED = 3

SplitDigests = Mapping[str, Sequence[bytes]]
"""The hash of each example's values, by split and in order."""
Naming = Callable[[str, int], str]
"""Returns the name of the i-th example of a split."""


def copies_lines(splits: SplitDigests, named: Naming, noun: Noun) -> list[str]:
    """Returns a line for each two splits that have examples in common, with their number and some names."""
    return [
        f"{noun.examples} of {second} that are copies of {noun.examples} of {first}: {len(pairs)} "
        f"({_names(pairs)})"
        for first, second in combinations(splits, 2)
        if (pairs := list(_copies(splits, first, second, named)))
    ]


def _copies(splits: SplitDigests, first: str, second: str, named: Naming) -> Iterator[tuple[str, str]]:
    places = {digest: place for place, digest in enumerate(splits[first])}
    for place, digest in enumerate(splits[second]):
        if digest in places:
            yield named(second, place), named(first, places[digest])


def _names(pairs: list[tuple[str, str]]) -> str:
    more = f", and {len(pairs) - COPIES_NAMED} more" if len(pairs) > COPIES_NAMED else ""
    return ", ".join(f"{copy} = {original}" for copy, original in pairs[:COPIES_NAMED]) + more
