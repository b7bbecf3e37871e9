"""`vaeline hosts`: host 0 runs a command, and the others join its shared stages."""

import socket
import sys
import threading

import pytest

from vaeline.core.errors import VaelineError
from vaeline.experiments.hosts import coordinator, joining
from vaeline.experiments.hosts.coordinator import Coordinator
from vaeline.experiments.hosts.running import run_on_hosts
from vaeline.runtime.agreement import host_facts
from vaeline.runtime.hosts import STAGE_PORT, Hosts

ADDRESS = "127.0.0.1"


@pytest.fixture
def port(at_the_root) -> int:
    with socket.create_server((ADDRESS, 0)) as server:
        return server.getsockname()[1]


class Joining(threading.Thread):
    """Host `rank`, as a thread, and how it ended."""

    def __init__(self, rank: int, count: int, port: int) -> None:
        super().__init__()
        self.hosts, self.result = Hosts(count, rank, ADDRESS, port), None
        self.start()

    def run(self) -> None:
        try:
            self.result = joining.join_hosts(self.hosts, patience=30)
        except VaelineError as error:
            self.result = str(error)

    def ended(self) -> int | str | None:
        self.join(30)
        return self.result


@pytest.fixture
def ran(monkeypatch) -> list[tuple]:
    """What the joining hosts would have run."""
    commands = []
    monkeypatch.setattr(
        joining, "run_session", lambda command, **env: commands.append((command[1:], env)) or 0
    )
    return commands


def test_other_hosts_run_each_shared_stage_and_end_with_the_command(port, ran):
    others = [Joining(rank, 3, port) for rank in (1, 2)]
    with Coordinator.listening(Hosts(3, 0, ADDRESS, port)) as host_0:
        host_0.wait_for_all(30)
        ports = [Hosts(3, 0, ADDRESS, port).stage_port(stage) for stage in ("train", "fid")]
        host_0.end(0)
        assert [other.ended() for other in others] == [0, 0]
    expected = [
        (["-m", f"stages.{stage}"], {STAGE_PORT: str(at)})
        for stage, at in zip(("train", "fid"), ports, strict=True)
    ]
    assert sorted(ran, key=str) == sorted(expected * 2, key=str)


def test_a_failed_command_is_one_line(port):
    other = Joining(1, 2, port)
    with Coordinator.listening(Hosts(2, 0, ADDRESS, port)) as host_0:
        host_0.wait_for_all(30)
        host_0.end(3)
        assert other.ended() == "the command on host 0 ended with status 3: it says why there"


def test_a_stage_that_is_not_shared_is_one_line(port, ran):
    other = Joining(1, 2, port)
    with Coordinator.listening(Hosts(2, 0, ADDRESS, port)) as host_0:
        host_0.wait_for_all(30)
        Hosts(2, 0, ADDRESS, port).stage_port("report")
        assert other.ended() == "host 0 asks for the stage 'report', which cannot be shared"
    assert ran == []


def test_a_host_that_differs_is_refused_with_one_line_on_both(port, monkeypatch):
    def facts(who: str, with_data: bool) -> dict[str, str]:
        return host_facts(who, with_data) | {"vaeline": who[-1]}

    for module in (coordinator, joining):
        monkeypatch.setattr(module, "host_facts", facts)
    other = Joining(1, 2, port)
    with Coordinator.listening(Hosts(2, 0, ADDRESS, port)) as host_0:
        with pytest.raises(
            VaelineError, match=r"^host 1 .* has vaeline \(1\), and host 0 .* has \(0\): "
        ) as caught:
            host_0.wait_for_all(30)
        assert other.ended() == str(caught.value)


def test_a_host_that_does_not_come_or_has_gone_is_named(port):
    with Coordinator.listening(Hosts(3, 0, ADDRESS, port)) as host_0:
        with pytest.raises(
            VaelineError, match=r"^hosts 1, 2 did not come within 0 s: start the same command"
        ):
            host_0.wait_for_all(0)
        with pytest.raises(VaelineError, match=r"^hosts 1, 2 left: start the same command on every host"):
            Hosts(3, 0, ADDRESS, port).stage_port("train")
        with pytest.raises(VaelineError, match=f"^RDZV_ENDPOINT: cannot listen at port {port}"):
            with Coordinator.listening(Hosts(3, 0, ADDRESS, port)):
                pass


def test_a_host_without_the_first_says_so(port):
    with pytest.raises(VaelineError, match=f"^nothing answers at {ADDRESS}:{port} .*NODE_RANK=0"):
        joining.join_hosts(Hosts(2, 1, ADDRESS, port), patience=0)


def test_another_program_at_the_port_is_named(port):
    with socket.create_server((ADDRESS, port)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(1)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(VaelineError, match=f"^another program answers at {ADDRESS}:{port}: give RDZV"):
            joining.join_hosts(Hosts(2, 1, ADDRESS, port), patience=0)
        thread.join()


def test_host_zero_refuses_wrong_commands_before_it_waits(monkeypatch, port):
    for name, value in {"NNODES": "2", "NODE_RANK": "0", "RDZV_ENDPOINT": f"{ADDRESS}:{port}"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(VaelineError, match=r"^no-such-program: no such command here"):
        run_on_hosts(["no-such-program"], patience=600)
    monkeypatch.setenv("NPROC", "x")
    with pytest.raises(VaelineError, match=r"^NPROC = 'x' is not a number of processes"):
        run_on_hosts([sys.executable], patience=600)


def test_one_host_runs_the_command_itself(monkeypatch):
    monkeypatch.delenv("NNODES", raising=False)
    assert run_on_hosts([sys.executable, "-c", "raise SystemExit(5)"], patience=0) == 5
    with pytest.raises(VaelineError, match=r"^no-such-program: no such command here"):
        run_on_hosts(["no-such-program"], patience=0)
