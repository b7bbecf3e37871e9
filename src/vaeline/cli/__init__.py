"""The `vaeline` command.

Modules that take long to import are imported by the command that needs them, so that `--help` and the
completion of names answer at once.
"""

from vaeline.cli.command_line import app as app
from vaeline.cli.command_line import main as main
