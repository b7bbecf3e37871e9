"""What every download shares."""

import contextlib
import socket
from collections.abc import Iterator

CONNECTION_SECONDS = 15


@contextlib.contextmanager
def connection_timeout() -> Iterator[None]:
    """Within the block, a host that says nothing for 15 s is given up on.

    torchvision and torch.hub open their connections without a time-out: a silent host would hang for ever.
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(CONNECTION_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
