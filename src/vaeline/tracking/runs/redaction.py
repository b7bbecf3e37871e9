"""Secrets that an address or the environment may hold, kept out of everything that is printed."""

import os
import re
from urllib.parse import unquote

MASK = "***"
SECRET_VARIABLES = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
ADDRESS_VARIABLES = ("MLFLOW_TRACKING_URI", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
SHORTEST = 4  # characters of a secret that is also hidden outside of an address: a shorter one is in any word
USER_INFO = re.compile(r"(?<=://)[^\s/?#'\"<>]*@")
SECRET_FIELD = re.compile(
    r"([?&][\w-]*(?:token|key|passw|secret|signature|sig)[\w-]*=)[^&\s'\"]+", re.IGNORECASE
)


def redacted(text: str) -> str:
    """Returns `text` without user names and passwords of addresses, and without secrets of the environment.

    Example:

        >>> redacted("no answer from https://someone:word@server:5000/api?token=abc")
        'no answer from https://***@server:5000/api?token=***'
    """
    for secret in sorted(_secrets(), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return SECRET_FIELD.sub(rf"\1{MASK}", USER_INFO.sub(f"{MASK}@", text))


def _secrets() -> set[str]:
    values = {os.environ.get(name, "") for name in SECRET_VARIABLES}
    for name in (*ADDRESS_VARIABLES, *map(str.lower, ADDRESS_VARIABLES)):
        values |= _passwords(os.environ.get(name, ""))
    return {value for value in values if len(value) >= SHORTEST}


def _passwords(address: str) -> set[str]:
    """Returns the password of an address, as written and decoded, even if it has a slash."""
    rest = address.partition("://")[2]
    user_info = rest.rpartition("@")[0]
    _, _, password = user_info.partition(":")
    return {password, unquote(password)}
