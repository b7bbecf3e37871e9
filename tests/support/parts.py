"""Programs that a person runs in parts."""

import argparse
from collections.abc import Mapping, Sequence


def chosen_parts(
    arguments: Sequence[str], parts: Mapping[str, object], program: str, description: str | None
) -> list[str]:
    """Returns the parts that the command line names, or all; ends the program at an unknown one."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(parts)}; all by default")
    names: list[str] = parser.parse_args(arguments).parts or list(parts)
    if unknown := [name for name in names if name not in parts]:
        parser.error(f"there is no part '{unknown[0]}'; choose from: {' '.join(parts)}")
    return names
