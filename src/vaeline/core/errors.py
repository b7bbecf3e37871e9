"""The exception whose message is for the user."""


class VaelineError(Exception):
    """An error that the user can fix: its message is one line, which says what is wrong and what to do."""
