"""Tasks that a thread of its own does one after another, so that nobody waits for them."""

import threading
from collections.abc import Callable

Task = Callable[[], None]


class BackgroundTasks:
    """Does tasks in the order in which they are added. A task takes the place of a waiting one of its name.

    The thread ends with the process: what is not done then is lost.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, Task] = {}
        self._running = ""
        self._changed = threading.Condition()
        self._closed = False
        threading.Thread(target=self._work, name="MLflow", daemon=True).start()

    def add(self, name: str, task: Task) -> None:
        """Adds a task, which must not raise; it returns at once."""
        with self._changed:
            self._waiting[name] = task
            self._changed.notify_all()

    def wait(self, seconds: float) -> list[str]:
        """Waits, at most for some seconds, and returns the names of the tasks that are not done then."""
        with self._changed:
            self._changed.wait_for(lambda: not self._unfinished(), seconds)
            return self._unfinished()

    def close(self) -> None:
        """Ends the thread after the task that it does now; others that wait are dropped."""
        with self._changed:
            self._waiting.clear()
            self._closed = True
            self._changed.notify_all()

    def _unfinished(self) -> list[str]:
        return list(dict.fromkeys(([self._running] if self._running else []) + list(self._waiting)))

    def _work(self) -> None:
        while True:
            with self._changed:
                self._running = ""
                self._changed.notify_all()
                self._changed.wait_for(lambda: bool(self._waiting) or self._closed)
                if self._closed:
                    return
                self._running = next(iter(self._waiting))
                task = self._waiting.pop(self._running)
            task()
