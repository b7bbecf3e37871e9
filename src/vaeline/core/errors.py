"""The one exception that a person is meant to read."""


class VaelineError(Exception):
    """Something that a person can mend: one line that names the thing and says what to do."""
