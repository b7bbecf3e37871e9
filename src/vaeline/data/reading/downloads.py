"""What every download needs: a time limit on silence."""

import contextlib
import socket
from collections.abc import Iterator

CONNECTION_SECONDS = 15


@contextlib.contextmanager
def connection_timeout() -> Iterator[None]:
    """Within the block, connections fail when a host has sent nothing for 15 s.

    torchvision and torch.hub open connections without a timeout, so that a silent host would block forever.
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(CONNECTION_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
