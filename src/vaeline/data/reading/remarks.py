"""What a user should know about a folder of images: how it was understood, and what is suspicious in it."""

from collections import Counter
from collections.abc import Mapping

from vaeline.data.reading.image_files import counts_text, printable
from vaeline.data.reading.layout import LabelledFiles, Role

DARK = 128
"""Sound images of any kind reach the upper half of the levels."""


def split_lines(splits: Mapping[Role, str], test_share: float) -> list[str]:
    """Returns which folder of the user's is which split, if there are any."""
    if not splits:
        return []
    named = [f"{role} is {printable(folder)}" for role, folder in splits.items()]
    if "test" not in splits:
        named.append(f"test is a share of {test_share:g} of {printable(splits['train'])}")
    if "valid" not in splits:
        named.append("valid is taken from train")
    return [f"splits: {', '.join(named)}"]


def unseen_lines(parts: Mapping[Role, LabelledFiles]) -> list[str]:
    """Returns which classes other splits have and `train` lacks, with the number of their images."""
    trained = set(parts["train"].classes)
    return [
        f"classes of {role} that train lacks, so that no model learns them: {counts_text(unseen)}"
        for role, part in parts.items()
        if (unseen := Counter(name for name in part.classes if name not in trained))
    ]


def transparent_lines(count: int, background: str, dataset: str) -> list[str]:
    """Returns how many images of a data set had transparent pixels, if any had."""
    if not count:
        return []
    return [f"images with transparent pixels, laid on {background} (data.{dataset}.background): {count}"]


def dark_lines(brightest: int) -> list[str]:
    """Returns a line if no image uses the upper half of the levels."""
    if brightest >= DARK:
        return []
    return [
        f"no pixel is brighter than {brightest} of 255: if the files have 16 bits of which fewer are "
        "used, such as 12, stretch their levels to 65,535"
    ]
