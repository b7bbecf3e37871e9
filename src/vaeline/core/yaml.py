"""YAML 1.2 as DVC reads it, with one line for whatever is wrong in a file."""

import copy
import functools
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode

from vaeline.core.errors import VaelineError

DEEPEST = 50  # values within values
TEXTS_KEPT = 64  # with their values: a stage reads dvc.yaml several times, and a sweep once a trial
LONGEST_VALUE = 80  # characters of a wrong value that a message repeats


def shortened(value: Any) -> str:
    """Returns how Python writes a value, cut to what fits into a message."""
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


class _PlainComposer(Composer):
    """Refuses aliases and endless brackets: a few lines of them stand for more than fits into memory."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.parser.peek_event()
        if isinstance(event, AliasEvent):
            raise ComposerError(None, None, f"alias *{event.anchor}: write the value out", event.start_mark)
        if self._depth == DEEPEST:
            raise ComposerError(None, None, "too many brackets within brackets", event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _LocatingConstructor(SafeConstructor):
    """Says where a value is that Python does not take, such as a 13th month."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, OverflowError, LookupError, AttributeError):
            kind = node.tag.rpartition(":")[2]
            value = shortened(node.value) if isinstance(node.value, str) else "this"
            raise ConstructorError(None, None, f"{value} is no valid {kind}", node.start_mark) from None

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        for key, _ in node.value if isinstance(node, MappingNode) else ():
            if key.tag != "tag:yaml.org,2002:str":
                raise ConstructorError(None, None, "a key is not a word: quote it", key.start_mark)
        return super().construct_mapping(node, deep)


def parse_yaml(text: str, where: Path | str) -> dict[str, Any]:
    """Returns the mapping in YAML 1.2, as DVC reads it: `off` is a word, and 1e-4 a number.

    Args:
        text: the YAML.
        where: the file to name in an error.

    Raises:
        VaelineError: in one line, if it is no YAML, has aliases or a value that cannot be, or is no mapping.
    """
    return copy.deepcopy(_parsed(text, str(where)))


@functools.lru_cache(maxsize=TEXTS_KEPT)
def _parsed(text: str, where: str) -> dict[str, Any]:
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer, yaml.Constructor = _PlainComposer, _LocatingConstructor
    try:
        values = yaml.load(text)
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise VaelineError(f"{where}: not readable as YAML: {line}{_line(error.problem)}") from None
    except YAMLError as error:
        raise VaelineError(f"{where}: not readable as YAML: {_line(error)}") from None
    if not isinstance(values, dict):
        raise VaelineError(f"{where}: expected 'key: value' lines, found {_found(values)}")
    return values


def read_yaml(path: Path | str) -> dict[str, Any]:
    """Returns the mapping in a YAML (or JSON) file; raises VaelineError if it holds none."""
    try:
        return parse_yaml(Path(path).read_text(encoding="utf-8-sig"), path)
    except FileNotFoundError:
        raise VaelineError(f"{path}: no such file; run from the repository's root") from None
    except UnicodeDecodeError as error:
        raise VaelineError(f"{path}: not readable as YAML: no UTF-8 at byte {error.start + 1}") from None
    except OSError as error:
        raise VaelineError(f"{path}: cannot be read: {error.strerror}") from None


def _found(values: object) -> str:
    return {"NoneType": "nothing", "list": "a list"}.get(type(values).__name__, "a single value")


def _line(problem: object) -> str:
    return " ".join(str(problem).split())
