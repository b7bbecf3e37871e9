"""A stand-in for Ray: nodes are processes on this machine that can be killed, and nothing else of it."""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class RayError(Exception):
    """As ray.exceptions.RayError."""


class RayActorError(RayError):
    """As ray.exceptions.RayActorError: the process of an actor has ended."""


class RayTaskError(RayError):
    """As ray.exceptions.RayTaskError: a method raised `cause`."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Answer:
    """What a method of an actor will return."""

    def __init__(self, pipe: "Connection[Any, Any]") -> None:
        self.pipe = pipe

    def value(self) -> Any:
        try:
            value, error = self.pipe.recv()
        except (EOFError, OSError):
            raise RayActorError("the node has died") from None
        if error:
            raise RayTaskError(error)
        return value


class Actor:
    """A process that owns an object, whose methods it runs one after the other."""

    def __init__(self, folder: Path, make: Callable[[], Any]) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(
            target=self._serve, args=(folder, make, theirs)
        )
        self.process.start()
        theirs.close()

    def _serve(self, folder: Path, make: Callable[[], Any], pipe: "Connection[Any, Any]") -> None:
        self.pipe.close()
        os.environ["XDG_CACHE_HOME"] = str(folder)
        owned = make()
        while True:
            method = pipe.recv()
            try:
                pipe.send((getattr(owned, method)(), None))
            except Exception as error:
                pipe.send((None, error))

    def __getattr__(self, method: str) -> Any:
        def remote() -> Answer:
            with contextlib.suppress(OSError):  # told of when the answer is asked for
                self.pipe.send(method)
            return Answer(self.pipe)

        return SimpleNamespace(remote=remote)

    def kill(self) -> None:
        if self.process.pid and self.process.is_alive():
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


class StandIn:
    """What `vaeline.experiments.search.cluster` uses of the package ray, with as many nodes as actors."""

    exceptions = SimpleNamespace(RayError=RayError, RayActorError=RayActorError, RayTaskError=RayTaskError)

    def __init__(self, folder: Path, cpus: int) -> None:
        self.folder, self.cpus, self.actors = folder, cpus, list[Actor]()

    def remote(self, owned: Any) -> Any:
        def start(*arguments: Any) -> Actor:
            actor = Actor(self.folder / f"node{len(self.actors)}", lambda: owned(*arguments))
            self.actors.append(actor)
            return actor

        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=start))

    def put(self, value: Any) -> Any:
        return value

    def get(self, answer: Answer, timeout: float = 0) -> Any:
        return answer.value()

    def wait(self, answers: list[Answer], timeout: float) -> tuple[list[Answer], list[Answer]]:
        ready = [answer for answer in answers if answer.pipe.poll(timeout)]
        return ready, [answer for answer in answers if answer not in ready]

    def kill(self, actor: Actor) -> None:
        actor.kill()

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": float(self.cpus)}
