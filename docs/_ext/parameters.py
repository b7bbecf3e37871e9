"""The page of parameters: types, defaults and bounds from `ExperimentConfig`, words from params.yaml."""

import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from vaeline.config import ExperimentConfig

PARAMS = Path(__file__).resolve().parents[2] / "params.yaml"
LINE = re.compile(r"^(?P<indent> *)(?P<key>\w+):(?P<value>[^#]*)(?:#\s*(?P<comment>.*))?$")
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
ESCAPED = r"\|"
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


@dataclass(frozen=True)
class Parameter:
    """A hyperparameter as a reader meets it; `group` is the heading that it stands under in params.yaml."""

    key: str
    group: str
    kind: str
    allowed: str
    default: str
    meaning: str


def parameters() -> list[Parameter]:
    """Returns every hyperparameter, in the order of params.yaml, and the sections that have a comment."""
    words = comments(PARAMS.read_text(encoding="utf-8"))
    fields = dict(_fields(ExperimentConfig, ExperimentConfig()))
    found = []
    for key, (group, comment) in words.items():
        if key in fields:
            field, default = fields[key]
            kind, allowed = _kind(field.annotation), _allowed(field)
            meaning = field.description or _without_choices(comment, allowed)
            if key == f"{group}.name" and not meaning:
                meaning = f"[when to choose which](../guides/choosing_parts.md#{group})"
            found.append(Parameter(key, group, kind, allowed, as_yaml(default), meaning))
        elif comment:
            found.append(Parameter(key, group, "section", "", "", comment))
    return found


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
            words[key] = (words[key][0], f"{words[key][1]} {line.lstrip('# ')}".lstrip())
        elif match := LINE.match(line):
            depth = len(match["indent"]) // 2
            path[depth:] = [match["key"]]
            if not match["value"].strip() and depth == 0:
                group = match["key"]
            words[".".join(path)] = (group, match["comment"] or "")
    return words


def _fields(
    model: type[BaseModel], values: BaseModel, prefix: str = ""
) -> Iterator[tuple[str, tuple[FieldInfo, Any]]]:
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
        return " or ".join(
            _kind(a) if typing.get_origin(a) is not Literal else _choices(a) for a in arguments
        )
    if origin is list:
        return "list"
    return "null" if annotation is type(None) else annotation.__name__


def _allowed(field: FieldInfo) -> str:
    annotation = field.annotation
    if typing.get_origin(annotation) is list:
        (annotation,) = typing.get_args(annotation)
    if typing.get_origin(annotation) is Literal:
        return _choices(annotation)
    bounds = [
        f"{sign} {_number(getattr(one, name))}"
        for one in field.metadata
        for name, sign in BOUNDS.items()
        if hasattr(one, name)
    ]
    return ", ".join(bounds)


def _number(bound: float) -> str:
    power = int(bound).bit_length() - 1
    return f"2{str(power).translate(RAISED)}" if bound == 2**power > 2**16 else f"{bound:g}"


def _choices(literal: Any) -> str:
    return ", ".join(f"`{choice}`" for choice in typing.get_args(literal))


def _without_choices(comment: str, allowed: str) -> str:
    """Returns a comment without the list of choices that it begins with, which has a column of its own."""
    choices = allowed.replace("`", "").replace(", ", " | ")
    return comment.removeprefix(choices).lstrip(":; ") if choices else comment


def page() -> str:
    """Returns the page: a table for each group."""
    groups: dict[str, list[Parameter]] = {}
    for parameter in parameters():
        groups.setdefault(parameter.group, []).append(parameter)
    return "\n".join(_table(group, rows) for group, rows in groups.items())


def _table(group: str, rows: list[Parameter]) -> str:
    title, _, note = group.partition(": ")
    heading = f"`{title}`" if title.islower() else title
    lines = [f"\n## {heading}", "", *([f"{note[0].upper()}{note[1:]}.", ""] if note else [])]
    lines += ["| parameter | type | default | allowed | meaning |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*lines, *map(_row, rows), ""])


def _row(parameter: Parameter) -> str:
    key, default = f"`{parameter.key}`", f"`{parameter.default}`" if parameter.default else ""
    cells = (key, parameter.kind, default, parameter.allowed, parameter.meaning)
    return f"| {' | '.join(cell.replace('|', ESCAPED) for cell in cells)} |"


def as_yaml(value: Any) -> str:
    """Returns a default as it stands in params.yaml."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if value != "" else '""'
