"""The page of parameters: from `ExperimentConfig` their types, defaults and bounds, from params.yaml the words."""

import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from vaeline.config import ExperimentConfig

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"
LINE = re.compile(r"^(?P<indent> *)(?P<key>\w+):(?P<value>[^#]*)(?:#\s*(?P<comment>.*))?$")
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


@dataclass(frozen=True)
class Parameter:
    """A hyperparameter as a reader meets it; `group` is the heading that it stands under in params.yaml."""

    key: str
    group: str
    kind: str
    allowed: str
    default: Any
    description: str


def parameters() -> list[Parameter]:
    """Returns every hyperparameter, in the order of params.yaml."""
    words = comments(PARAMS.read_text(encoding="utf-8"))
    fields = dict(_fields(ExperimentConfig, ExperimentConfig()))
    return [
        Parameter(
            key,
            group,
            _kind(fields[key][0].annotation),
            _allowed(fields[key][0]),
            fields[key][1],
            fields[key][0].description or comment,
        )
        for key, (group, comment) in words.items()
        if key in fields
    ]


def comments(text: str) -> dict[str, tuple[str, str]]:
    """Returns for each dotted key of params.yaml its group and its comment.

    A group is a comment of its own line at the margin, above the flat keys, or else the section. A comment
    goes on in the comment lines below it that are indented.
    """
    words: dict[str, tuple[str, str]] = {}
    group, path = "", [""]
    for line in text.splitlines():
        if line.startswith("#"):
            group = line.lstrip("# ")
        elif line.lstrip().startswith("#"):
            key = next(reversed(words))
            words[key] = (words[key][0], f"{words[key][1]} {line.lstrip('# ')}")
        elif match := LINE.match(line):
            depth = len(match["indent"]) // 2
            path[depth:] = [match["key"]]
            if not match["value"].strip() and depth == 0:
                group = match["key"]
            words[".".join(path)] = (group, match["comment"] or "")
    return words


def _fields(model: type[BaseModel], values: BaseModel, prefix: str = "") -> Iterator[tuple[str, tuple[FieldInfo, Any]]]:
    for name, field in model.model_fields.items():
        value = getattr(values, name)
        if isinstance(value, BaseModel):
            yield from _fields(type(value), value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", (field, value)


def _kind(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return "choice"
    if origin is typing.Annotated:
        return _kind(arguments[0])
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_kind(a) if typing.get_origin(a) is not Literal else _choices(a) for a in arguments)
    if origin is list:
        return "list"
    return "null" if annotation is type(None) else annotation.__name__


def _allowed(field: FieldInfo) -> str:
    literal = field.annotation
    if typing.get_origin(literal) is list:
        literal = typing.get_args(literal)[0]
    if typing.get_origin(literal) is Literal:
        return _choices(literal)
    bounds = [
        f"{sign} {getattr(one, name):g}" if getattr(one, name) < 2**63 else f"{sign} 2⁶³"
        for one in field.metadata
        for name, sign in BOUNDS.items()
        if hasattr(one, name)
    ]
    return ", ".join(bounds)


def _choices(literal: Any) -> str:
    return ", ".join(f"`{choice}`" for choice in typing.get_args(literal))


def page() -> str:
    """Returns the page: a table for each group."""
    groups: dict[str, list[Parameter]] = {}
    for parameter in parameters():
        groups.setdefault(parameter.group, []).append(parameter)
    return "\n".join(_table(group, rows) for group, rows in groups.items())


def _table(group: str, rows: list[Parameter]) -> str:
    title, _, note = group.partition(": ")
    lines = [f"\n## {title if not group.islower() else f'`{group}`'}", "", note and f"{note[0].upper()}{note[1:]}.", ""]
    lines += ["| parameter | type | default | allowed | meaning |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*lines, *map(_row, rows), ""])


def _row(parameter: Parameter) -> str:
    cells = (
        f"`{parameter.key}`",
        parameter.kind,
        f"`{_yaml(parameter.default)}`",
        parameter.allowed,
        _meaning(parameter),
    )
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _meaning(parameter: Parameter) -> str:
    """Returns the comment without a bare list of choices, which has a column of its own."""
    choices = parameter.allowed.replace("`", "").replace(", ", " | ")
    return parameter.description.removeprefix(choices).lstrip(";, ")


def _yaml(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if value != "" else '""'


def by_key() -> Mapping[str, Parameter]:
    """Returns the parameters by their dotted key."""
    return {parameter.key: parameter for parameter in parameters()}
