"""Which of the project's files a stage runs: its import closure, kept equal in dvc.yaml.

`vaeline deps` rewrites the code entries of every stage's `deps`; other entries, such as data and checkpoints,
stay as they are. A folder of which a stage uses every module is one entry: that is readable, and as exact as
a list of its files. The `__init__.py` of a package of which other modules are used is no entry if it holds a
docstring only, as all of them should.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

from vaeline.core.files import replacing
from vaeline.provenance.dependencies import files_in

ROOTS = {"vaeline": Path("src/vaeline"), "stages": Path("stages")}
MARKER = "py.typed"  # tells type checkers that a package is typed, and changes no result


def stage_code(stage: str) -> list[str]:
    """Returns the project's files that `python -m stages.<stage>` uses, itself first, the rest sorted.

    These are the modules that it imports, and the data files (templates) of the packages that hold them.
    """
    start = f"stages.{stage}"
    waiting, closure = [start], set[str]()
    while waiting:
        module = waiting.pop()
        if module not in closure:
            closure.add(module)
            waiting += imported(module)
    files = {file for module in closure if (file := module_file(module))}
    files |= {data for data in package_data() if _package(data) / "__init__.py" in files}
    own = module_file(start)
    return [str(own), *sorted(str(file) for file in files if file != own)]


def folded(files: list[str]) -> list[str]:
    """Returns `files`, with one entry for each folder of the package all of whose files are among them.

    An `__init__.py` that holds no code stands only for the folder that it makes whole.
    """
    paths = set(map(Path, files))
    folders = {folder for path in paths for folder in path.parents if ROOTS["vaeline"] in folder.parents}
    whole = {folder for folder in folders if all(f in paths or f.name == MARKER for f in files_in(folder))}

    def entry(path: Path) -> Path:
        return max((folder for folder in path.parents if folder in whole), key=_height, default=path)

    entries = dict.fromkeys(map(entry, map(Path, files)))
    return [str(path) for path in entries if has_code(path)]


def has_code(path: Path) -> bool:
    """Returns whether a file is more than the docstring of a package."""
    if path.name != "__init__.py":
        return True
    return any(not isinstance(node, ast.Expr) for node in ast.parse(path.read_text()).body)


def _height(folder: Path) -> int:
    return -len(folder.parts)


def imported(module: str) -> Iterator[str]:
    """Yields the project's modules that `module` imports, and the packages that hold it."""
    file = module_file(module)
    yield from (name for name in (_imports_in(file.read_text()) if file else ()) if module_file(name))
    yield from (package for package in parents(module) if module_file(package))


@cache  # a module belongs to the closures of several stages
def _imports_in(source: str) -> tuple[str, ...]:
    """Returns the names in the imports of a module's source, with all that could be modules."""
    names: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)


def parents(module: str) -> Iterator[str]:
    """Yields the packages that hold `module`, outermost first."""
    parts = module.split(".")
    yield from (".".join(parts[:i]) for i in range(1, len(parts)))


def module_file(module: str) -> Path | None:
    """Returns the file of one of the project's modules, or None for a name that is no such module."""
    top, *rest = module.split(".")
    if top not in ROOTS:
        return None
    path = ROOTS[top].joinpath(*rest)
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in candidates if file.is_file()), None)


def package_data() -> list[Path]:
    """Returns the package's files that are no modules, such as templates."""
    return [file for file in files_in(ROOTS["vaeline"]) if file.suffix != ".py" and file.name != MARKER]


def _package(file: Path) -> Path:
    return next(folder for folder in file.parents if (folder / "__init__.py").is_file())


def is_code(dependency: str) -> bool:
    """Returns whether an entry of `deps` is a part of the project's code, be it a file or a folder."""
    return any(Path(dependency).is_relative_to(root) for root in ROOTS.values())


def rewrite(pipeline: Path = Path("dvc.yaml")) -> None:
    """Brings the code entries of every stage's deps in `pipeline` up to date, keeping its comments."""
    yaml = YAML()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(pipeline)
    for stage, entry in content["stages"].items():
        other = [dependency for dependency in entry["deps"] if not is_code(dependency)]
        entry["deps"] = [*folded(stage_code(stage)), *other]
    with replacing(pipeline) as temporary:
        yaml.dump(content, temporary, transform=_without_trailing_spaces)


def _without_trailing_spaces(text: str) -> str:
    # ruamel.yaml leaves one at each place where it wraps a list.
    return "\n".join(line.rstrip() for line in text.split("\n"))
