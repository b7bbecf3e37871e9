"""Small faults in the source, made by mutmut's operators: a sample of them, and how one is put in place."""

import gc
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_string

# A changed string is mostly a changed message.
OPERATORS = [(kind, operator) for kind, operator in mutation_operators if operator is not operator_string]
# They are evaluated when the module is imported, so that they cannot be exchanged afterwards.
OUTSIDE = (cst.Annotation, cst.Decorator, cst.Parameters)


@dataclass(frozen=True)
class Mutant:
    """One change to one file.

    Attributes:
        path: of the file, from the root of the repository.
        lines: the first and the last line of the expression or statement that is changed.
        before: the changed lines as they stand.
        after: the changed lines with the fault.
        source: the whole file with the fault.
    """

    path: str
    lines: tuple[int, int]
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.path}:{self.lines[0]}: {self.before} → {self.after}"


@dataclass(frozen=True)
class _Change:
    """What an operator makes of a node. Its mutant is made, which takes longer, if it is chosen."""

    path: Path
    module: cst.Module
    node: cst.CSTNode
    changed: cst.CSTNode
    lines: tuple[int, int]

    def mutant(self) -> Mutant:
        mutated = self.module.deep_replace(self.node, self.changed)
        assert isinstance(mutated, cst.Module)
        return Mutant(
            str(self.path), self.lines, *_difference(self.module.code, mutated.code), source=mutated.code
        )


def sample_mutants(paths: Sequence[Path], n: int, seed: int) -> tuple[list[Mutant], int]:
    """Returns `n` mutants of the bodies of the files' functions, and how many there are.

    No line has a second one before every line has one: calls with many arguments have many.
    """
    everything = [change for path in paths for change in _changes(path)]
    shuffled = random.Random(seed).sample(everything, len(everything))
    of_line: Counter[tuple[Path, int]] = Counter()
    turns = []
    for change in shuffled:
        place = (change.path, change.lines[0])
        turns.append(of_line[place])
        of_line[place] += 1
    order = sorted(range(len(shuffled)), key=turns.__getitem__)
    return [shuffled[i].mutant() for i in order[:n]], len(everything)


def _changes(path: Path) -> list[_Change]:
    wrapper = MetadataWrapper(cst.parse_module(path.read_text()))
    positions = wrapper.resolve(PositionProvider)
    visitor = _Mutations()
    wrapper.module.visit(visitor)
    return [
        _Change(path, wrapper.module, node, changed, (positions[node].start.line, positions[node].end.line))
        for node, changed in visitor.mutations
    ]


class _Mutations(cst.CSTVisitor):
    """Collects pairs of a node and what an operator makes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.mutations: list[tuple[cst.CSTNode, cst.CSTNode]] = []
        self._functions = 0

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, OUTSIDE):
            return False
        self._functions += isinstance(node, cst.FunctionDef)
        if self._functions:
            for kind, operator in OPERATORS:
                if isinstance(node, kind):
                    self.mutations += [(node, changed) for changed in operator(node)]
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        self._functions -= isinstance(original_node, cst.FunctionDef)


def _difference(old: str, new: str) -> tuple[str, str]:
    """Returns the lines in which two texts differ, each without indentation and joined by a space."""
    before, after = old.splitlines(), new.splitlines()
    start = next((i for i, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), 0)
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return _joined(before[start : len(before) - end]), _joined(after[start : len(after) - end])


def _joined(lines: Sequence[str]) -> str:
    return " ".join(line.strip() for line in lines)


def functions_of(folder: Path) -> list[FunctionType]:
    """Returns all functions that exist by now and are written in a folder's files, wrapped or not."""
    gc.unfreeze()  # what is frozen is not among the objects
    start = f"{folder.resolve()}{os.sep}"
    # isinstance would ask lazy modules for their class, which imports them.
    functions = (thing for thing in gc.get_objects() if type(thing) is FunctionType)
    return [function for function in functions if function.__code__.co_filename.startswith(start)]


def put_in_place(mutant: Mutant, functions: Sequence[FunctionType]) -> None:
    """Gives those of the functions that are written in the mutant's file the code of the mutant.

    Raises:
        LookupError: if there is none of them.
        ValueError: if a closure would lose a variable.
    """
    path = str(Path(mutant.path).resolve())
    codes = {code.co_qualname: code for code in _codes(compile(mutant.source, path, "exec"))}
    own = [function for function in functions if function.__code__.co_filename == path]
    if not own:
        raise LookupError(f"{path}: none of its functions is imported")
    for function in own:
        function.__code__ = codes[function.__code__.co_qualname]


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
