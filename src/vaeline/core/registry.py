"""Tables of parts: the parts of one kind by name, each with its options, chosen by a section of params.yaml.

A section holds `name`, the options that all parts of the kind share, and one block for each part that has
options of its own. Every block is always present, since `dvc exp run -S` can only set what exists.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, create_model

from vaeline.core.errors import VaelineError
from vaeline.core.params import BaseOptions, validated

PartT = TypeVar("PartT")
SectionValues = Mapping[str, Any] | BaseModel
"""A section of params.yaml, as plain values or in its typed form."""


class Table(Generic[PartT]):
    """The parts of one kind: classes, each with an `Options` class where it has options of its own.

    A part is built with keyword arguments: `section`, from which it reads the shared options of its kind
    and, from the block of its name, its own (`section.vamp.components`); and a context. It receives those
    that its constructor names, or all of them if that takes `**`.

    Args:
        section: the key in params.yaml.
        shared: the options that all parts have.
    """

    def __init__(self, section: str, shared: type[BaseOptions] = BaseOptions) -> None:
        self.section = section
        self._shared = shared
        self._parts: dict[str, type[PartT]] = {}

    def add(self, name: str, part: type[PartT]) -> Self:
        """Adds a part and returns the table; raises VaelineError if the name is taken."""
        if name in self._parts:
            raise VaelineError(f"{self.section}: '{name}' is already in the table")
        self._parts[name] = part
        return self

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __getitem__(self, name: str) -> type[PartT]:
        return self._parts[name]

    @cached_property
    def Section(self) -> type[BaseOptions]:  # noqa: N802 (it is a class)
        """The typed form of the section; the first part of the table is the default."""
        fields: dict[str, Any] = {"name": (Literal[tuple(self._parts)], next(iter(self._parts)))}
        for name, part in self._parts.items():
            if options := getattr(part, "Options", None):
                fields[name] = (options, options())
        return create_model(f"{self.section.title()}Section", __base__=self._shared, **fields)

    def parse(self, section: SectionValues) -> Any:
        """Returns `section` in its typed form, an instance of `Section`.

        That class is made of the table's parts at runtime: a part declares what it reads of it as a Protocol.

        Raises:
            VaelineError: in one line, with the key as in params.yaml, for the first value that is wrong.
        """
        values = section.model_dump() if isinstance(section, BaseModel) else section
        return validated(self.Section, values, section=self.section)

    def reads(self, name: str) -> frozenset[str]:
        """Returns what the part `name` reads: keys of its section (`network.mlp`), and of its context.

        It receives nothing but what its constructor names, and of the section a type checker lets it read
        nothing but what the Protocol there declares.
        """
        named = inspect.signature(self._parts[name]).parameters
        section = named["section"].annotation if "section" in named else None
        keys = (key for key in dir(section) if isinstance(inspect.getattr_static(section, key), property))
        return frozenset({f"{self.section}.{key}" for key in keys} | named.keys() - {"section"})

    def build(self, section: SectionValues, **context: Any) -> PartT:
        """Returns the part that `section` names, built from the section and `context`."""
        parsed = self.parse(section)
        part: Callable[..., PartT] = self._parts[parsed.name]
        named = inspect.signature(part).parameters
        every = any(parameter.kind is parameter.VAR_KEYWORD for parameter in named.values())
        arguments = {"section": parsed, **context}
        return part(**{name: value for name, value in arguments.items() if every or name in named})
