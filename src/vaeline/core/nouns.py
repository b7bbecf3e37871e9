"""What an example of the data is called in texts for people: an image, or a row of a table."""

from typing import NamedTuple


class Noun(NamedTuple):
    """Words for the examples of one kind of data; in a text they are `{example}`, `{examples}`, `{value}`.

    Attributes:
        example: One example.
        examples: Several.
        value: One of the numbers that an example is made of.
    """

    example: str
    examples: str
    value: str

    def put_into(self, text: str, **values: object) -> str:
        """Returns `text` with these words, and with further `values`, in place of their names in braces."""
        return text.format(**self._asdict(), **values)


EXAMPLE = Noun("example", "examples", "value")
"""For data of any kind."""
IMAGE = Noun("image", "images", "pixel")
ROW = Noun("row", "rows", "value")
NOUNS = {1: ROW, 3: IMAGE}
"""By the number of axes of an example."""
