import contextlib
import socket

from vaeline.data.reading.downloads import CONNECTION_SECONDS, connection_timeout


def test_connections_time_out_within_the_block_only():
    before = socket.getdefaulttimeout()
    with contextlib.suppress(ValueError), connection_timeout():
        with socket.socket() as opened:
            assert opened.gettimeout() == CONNECTION_SECONDS
        raise ValueError
    assert socket.getdefaulttimeout() == before
