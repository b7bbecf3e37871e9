"""What every objective can be told."""

from pydantic import Field

from vaeline.core.params import Options


class ObjectiveOptions(Options):
    """Options that all objectives share: `k` draws of z an image, at each step."""

    k: int = Field(1, ge=1)
