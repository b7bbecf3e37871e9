import threading

from vaeline.tracking.background import BackgroundTasks


def test_tasks_are_done_in_their_order_and_a_newer_one_takes_the_place_of_a_waiting_one():
    tasks, release, done = BackgroundTasks(), threading.Event(), []
    tasks.add("first", release.wait)
    for name, value in (("a", 1), ("b", 2), ("a", 3)):
        tasks.add(name, lambda value=value: done.append(value))
    assert tasks.wait(0) == ["first", "a", "b"]
    release.set()
    assert tasks.wait(60) == []
    assert done == [3, 2]
    tasks.close()


def test_who_waits_in_vain_is_told_what_is_not_done():
    tasks, release, done = BackgroundTasks(), threading.Event(), []
    tasks.add("slow", release.wait)
    tasks.add("next", lambda: done.append(1))
    assert set(tasks.wait(0.01)) == {"slow", "next"}
    tasks.close()
    release.set()
    assert done == []
