"""Which host this is, by the environment, and one line for each way to get it wrong."""

import os
import socket

import pytest

from vaeline.core.errors import VaelineError
from vaeline.runtime.hosts import STAGE_PORT, Hosts, reject_unknown_address, use_interface_to

VARIABLES = ("NNODES", "NODE_RANK", "RDZV_ENDPOINT", STAGE_PORT)


@pytest.fixture
def given(monkeypatch):
    """Sets the variables of the hosts, and no others of them."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return lambda **values: [monkeypatch.setenv(name, value) for name, value in values.items()]


def test_without_nnodes_this_is_the_only_host(given):
    assert Hosts.from_environment() is None
    given(NNODES="1", NODE_RANK="7")
    assert Hosts.from_environment() is None


def test_the_environment_says_which_host_this_is(given):
    given(NNODES="3", NODE_RANK="2", RDZV_ENDPOINT="127.0.0.1:29500")
    assert Hosts.from_environment() == Hosts(3, 2, "127.0.0.1", 29500)
    given(RDZV_ENDPOINT="[::1]:29500")
    assert Hosts.from_environment() == Hosts(3, 2, "::1", 29500)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"NNODES": "two"}, "NNODES = 'two' is not a number of hosts: use 1 or more"),
        ({"NNODES": "0"}, "NNODES = '0' is not a number of hosts: use 1 or more"),
        ({"NODE_RANK": ""}, "NODE_RANK = '' is not a number of a host: use 0 to 1, 0 where DVC runs"),
        ({"NODE_RANK": "2"}, "NODE_RANK = '2' of NNODES = 2 hosts: use 0 to 1"),
        ({"RDZV_ENDPOINT": "10.0.0.1"}, "RDZV_ENDPOINT = '10.0.0.1' is not the address and a free port"),
        ({"RDZV_ENDPOINT": "10.0.0.1:0"}, "RDZV_ENDPOINT = '10.0.0.1:0' is not the address and a free port"),
    ],
)
def test_a_wrong_variable_is_one_line(given, values, message):
    given(**({"NNODES": "2", "NODE_RANK": "0", "RDZV_ENDPOINT": "127.0.0.1:29500"} | values))
    with pytest.raises(VaelineError) as caught:
        Hosts.from_environment()
    assert str(caught.value).startswith(message)


def resolving_to(monkeypatch, address):
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))]
    )


def test_an_address_that_nobody_knows_is_one_line(monkeypatch):
    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(VaelineError, match=r"^RDZV_ENDPOINT = 'hots0': no such address "):
        reject_unknown_address("RDZV_ENDPOINT", "hots0", here=False)


def test_the_name_of_host_0_must_not_mean_loopback_there(monkeypatch):
    resolving_to(monkeypatch, "127.0.1.1")
    with pytest.raises(VaelineError, match=r"^RDZV_ENDPOINT = 'host0' is 127.0.1.1 on this host"):
        reject_unknown_address("RDZV_ENDPOINT", "host0", here=True)
    reject_unknown_address("RDZV_ENDPOINT", "host0", here=False)
    reject_unknown_address("RDZV_ENDPOINT", "localhost", here=True)  # on purpose
    resolving_to(monkeypatch, "10.0.0.1")
    reject_unknown_address("RDZV_ENDPOINT", "host0", here=True)


def test_torch_listens_where_the_first_host_is_reached(monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "")
    monkeypatch.delenv("GLOO_SOCKET_IFNAME")
    monkeypatch.setenv("NCCL_SOCKET_IFNAME", "ib0")
    use_interface_to("127.0.0.1")
    assert os.environ["GLOO_SOCKET_IFNAME"].startswith("lo")
    assert os.environ["NCCL_SOCKET_IFNAME"] == "ib0"


def test_a_stage_asks_its_own_host_for_a_meeting_unless_it_joins(given):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(VaelineError, match=f"nothing answers at 127.0.0.1:{port}: start `vaeline hosts"):
        Hosts(2, 0, "127.0.0.1", port).stage_port("train")
    with pytest.raises(VaelineError, match=r"^NODE_RANK = 1: DVC runs on host 0: join it"):
        Hosts(2, 1, "127.0.0.1", port).stage_port("train")
    given(**{STAGE_PORT: "4711"})
    assert Hosts(2, 1, "127.0.0.1", port).stage_port("train") == 4711
