"""How the state of a training travels between nodes."""

import pytest

from vaeline.experiments.search.states import newest_state, packed_states, unpack_states


@pytest.fixture
def node(tmp_path, monkeypatch):
    """Makes folders of nodes, and goes into the one that is named."""
    monkeypatch.delenv("DVC_ROOT", raising=False)

    def into(name, *epochs):
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / name)
        training = tmp_path / name / ".scratch/train/0123.0"
        for epoch in epochs:
            (training / "checkpoints").mkdir(parents=True, exist_ok=True)
            (training / f"state_{epoch:05d}.pt").write_text(f"{name} {epoch}")
            (training / "checkpoints/last.pt").unlink(missing_ok=True)
            (training / "checkpoints/last.pt").hardlink_to(training / f"state_{epoch:05d}.pt")
        return training

    return into


def test_training_without_a_state_travels_as_nothing(node):
    node("a")
    assert packed_states() == b""
    unpack_states(b"")
    assert newest_state() == ""


def test_state_arrives_with_its_checkpoints_and_without_locks(node):
    training = node("a", 1, 2)
    (training.parent / "0123.0.lock").touch()
    (training / ".state_00003.pt").write_text("half a fi")
    state = packed_states()
    there = node("b")
    unpack_states(state)
    assert newest_state() == "state_00002.pt"
    files = {path.relative_to(there).as_posix() for path in there.parent.rglob("*") if path.is_file()}
    assert files == {"state_00001.pt", "state_00002.pt", "checkpoints/last.pt"}
    assert (there / "checkpoints/last.pt").read_text() == "a 2"


@pytest.mark.parametrize(("there", "newest"), [(1, "a 3"), (3, "b 3"), (5, "b 5")])
def test_newer_of_two_states_is_kept(node, there, newest):
    node("a", 3)
    state = packed_states()
    training = node("b", there)
    unpack_states(state)
    assert (training / newest_state()).read_text() == newest
