import contextlib
import socket

from vaeline.data.reading.downloads import CONNECTION_SECONDS, connection_timeout


def test_a_silent_host_is_given_up_on_within_the_block_and_only_there():
    before = socket.getdefaulttimeout()
    with contextlib.suppress(ValueError), connection_timeout():
        with socket.socket() as opened:
            assert opened.gettimeout() == CONNECTION_SECONDS
        raise ValueError
    assert socket.getdefaulttimeout() == before
