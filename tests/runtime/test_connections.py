"""Messages between hosts, over connections that the kernel watches."""

import socket
from contextlib import contextmanager

import pytest

from vaeline.runtime.connections import LOST_AFTER, Messages, OtherProgramError, notice_loss_of_all


@contextmanager
def both_ends():
    with socket.create_server(("127.0.0.1", 0)) as server, Messages.to(server.getsockname()[:2]) as one:
        connection, _ = server.accept()
        with connection:
            yield one, Messages(connection), connection


def test_messages_arrive_in_order_and_a_closed_connection_is_an_error():
    with both_ends() as (one, other, connection):
        one.send(stage="train", port=1)
        one.send(end=0)
        assert [other.receive(), other.receive()] == [{"stage": "train", "port": 1}, {"end": 0}]
        connection.shutdown(socket.SHUT_RDWR)
        with pytest.raises(OSError, match="it was closed"):
            one.receive()


@pytest.mark.parametrize("line", [b"HTTP/1.1 400 Bad Request\r\n", b"\xff\xfe\n", b"[1]\n"])
def test_another_program_at_the_other_end_is_an_error_of_its_own(line):
    with both_ends() as (one, _, connection):
        connection.sendall(line)
        with pytest.raises(OtherProgramError):
            one.receive()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system has no TCP_USER_TIMEOUT")
def test_the_kernel_is_to_notice_the_loss_of_every_connection():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as plain:
            assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
            notice_loss_of_all()
            assert plain.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1000 * LOST_AFTER
            idle = plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
            probes = plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT)
            assert idle + probes * plain.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == LOST_AFTER
