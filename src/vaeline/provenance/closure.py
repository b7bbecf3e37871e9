"""Which of the project's files a stage runs: its import closure, kept equal in dvc.yaml.

`python -m vaeline.provenance.closure` rewrites the code entries of every stage's `deps` (that is `make deps`);
other entries, such as data and checkpoints, stay as they are.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML

from vaeline.core.files import replacing

ROOTS = {"vaeline": Path("src/vaeline"), "stages": Path("stages")}


def stage_code(stage: str) -> list[str]:
    """Returns the project's files that `python -m stages.<stage>` imports, itself first, the rest sorted."""
    start = f"stages.{stage}"
    waiting, seen = [start], set()
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting += imported(module)
    files = {module: module_file(module) for module in seen}
    rest = sorted(str(file) for module, file in files.items() if file and module != start)
    return [str(files[start]), *rest]


def imported(module: str) -> Iterator[str]:
    """Yields the project's modules that `module` imports, and the packages that hold them."""
    file = module_file(module)
    for node in ast.walk(ast.parse(file.read_text())) if file else ():
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if module_file(name))
    yield from (package for package in parents(module) if module_file(package))


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


def is_code(dependency: str) -> bool:
    """Returns whether an entry of `deps` is one of the project's modules."""
    path = Path(dependency)
    return path.suffix == ".py" and any(path.is_relative_to(root) for root in ROOTS.values())


def rewrite(pipeline: Path = Path("dvc.yaml")) -> None:
    """Brings the code entries of every stage's deps in `pipeline` up to date, keeping its comments."""
    yaml = YAML()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(pipeline)
    for stage, entry in content["stages"].items():
        other = [dependency for dependency in entry["deps"] if not is_code(dependency)]
        entry["deps"] = [*stage_code(stage), *other]
    with replacing(pipeline) as temporary:
        yaml.dump(content, temporary)


if __name__ == "__main__":
    rewrite()
