"""Images that are in more than one split, pixel for pixel: what is measured on them was trained on."""

from collections.abc import Iterator, Mapping
from itertools import combinations

COPIES_NAMED = 3

SplitDigests = Mapping[str, Mapping[str, bytes]]
"""The hash of each image's pixels, by split and by name."""


def copies_lines(splits: SplitDigests) -> list[str]:
    """Returns a line for each two splits that have images in common, with their number and some names."""
    return [
        f"images of {second} that are copies of images of {first}: {len(pairs)} ({_names(pairs)})"
        for first, second in combinations(splits, 2)
        if (pairs := list(_copies(splits[first], splits[second])))
    ]


def _copies(first: Mapping[str, bytes], second: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    names = {digest: name for name, digest in first.items()}
    return ((name, names[digest]) for name, digest in second.items() if digest in names)


def _names(pairs: list[tuple[str, str]]) -> str:
    more = f", and {len(pairs) - COPIES_NAMED} more" if len(pairs) > COPIES_NAMED else ""
    return ", ".join(f"{copy} = {original}" for copy, original in pairs[:COPIES_NAMED]) + more
