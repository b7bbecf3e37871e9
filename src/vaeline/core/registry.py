"""Tables of parts: a room's parts by name, each with its options, chosen by a section of params.yaml.

A section holds `name`, the options that all parts of the room share, and one block per part that has
options of its own; every block is always there, since `dvc exp run -S` can only set what exists.
"""

import inspect
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, create_model

from vaeline.core.errors import VaelineError
from vaeline.core.params import BaseOptions, validated


class Table:
    """A room's parts: classes, each with an `Options` class of its own where it has options.

    A part is built with keyword arguments: `section`, from which it reads the shared options of its kind,
    and its own from the block of its name (`section.vamp.components`), and a context. It receives those that
    its constructor names, all of them if that has `**`.
    """

    def __init__(self, section: str, shared: type[BaseOptions] = BaseOptions) -> None:
        self.section = section
        self._shared = shared
        self._rows: dict[str, type] = {}

    def add(self, name: str, part: type) -> "Table":
        """Adds a row and returns the table."""
        if name in self._rows:
            raise VaelineError(f"{self.section}: '{name}' is already in the table")
        self._rows[name] = part
        return self

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __getitem__(self, name: str) -> type:
        return self._rows[name]

    @cached_property
    def Section(self) -> type[BaseOptions]:  # noqa: N802 (it is a class)
        """The typed form of the room's section in params.yaml; the first row is the default."""
        blocks = {name: part.Options for name, part in self._rows.items() if hasattr(part, "Options")}
        name = (Literal[tuple(self._rows)], next(iter(self._rows)))
        return create_model(
            f"{self.section.title()}Section",
            __base__=self._shared,
            name=name,
            **{block: (options, options()) for block, options in blocks.items()},
        )

    def parse(self, section: Mapping[str, Any] | BaseModel) -> Any:
        """Returns `section` in its typed form; an error names the key as it stands in params.yaml."""
        values = section.model_dump() if isinstance(section, BaseModel) else section
        return validated(self.Section, values, section=self.section)

    def build(self, section: Mapping[str, Any] | BaseModel, **context: Any) -> Any:
        """Returns the part that `section` names, built from the section and `context`."""
        parsed = self.parse(section)
        part = self._rows[parsed.name]
        named = inspect.signature(part).parameters
        every = any(parameter.kind is parameter.VAR_KEYWORD for parameter in named.values())
        arguments = {"section": parsed, **context}
        return part(**{name: value for name, value in arguments.items() if every or name in named})
