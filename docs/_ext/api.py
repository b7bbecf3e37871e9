"""The pages of the Python API: every public module of a room, documented by autodoc."""

import importlib
import pkgutil
from types import ModuleType

DIRECTIVE = """
## `{heading}`

```{{eval-rst}}
.. automodule:: {name}
   :members:
   :show-inheritance:
```
"""


def page(package: str) -> str:
    """Returns an autodoc section for each module of `package`, or for itself where it is one file."""
    return "\n".join(
        DIRECTIVE.format(name=name, heading=name.removeprefix(f"{package}.")) for name in modules(package)
    )


def modules(package: str) -> list[str]:
    """Returns the names of the modules of `package` that have a part of their own, in order."""
    root = importlib.import_module(package)
    if not hasattr(root, "__path__"):
        return [package]
    found = [module.name for module in pkgutil.walk_packages(root.__path__, f"{package}.")]
    public = [name for name in found if not name.rpartition(".")[2].startswith("_")]
    return [name for name in public if _has_parts(importlib.import_module(name))]


def _has_parts(module: ModuleType) -> bool:
    return any(
        getattr(part, "__module__", None) == module.__name__ and not name.startswith("_")
        for name, part in vars(module).items()
    )
