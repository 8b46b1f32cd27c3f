from __future__ import annotations

import threading
from multiprocessing.connection import wait

from station.bell import Bell


def test_it_wakes_who_waits_once_for_all_rings() -> None:
    bell = Bell()
    assert not wait([bell.fileno()], 0)
    ringers = [threading.Thread(target=bell.ring) for _ in range(8)]
    for ringer in ringers:
        ringer.start()
    assert wait([bell.fileno()], 20) == [bell.fileno()]
    for ringer in ringers:
        ringer.join()
    bell.silence()
    assert not wait([bell.fileno()], 0), "all were heard"
    bell.silence()
    bell.ring()
    assert wait([bell.fileno()], 0) == [bell.fileno()]
    bell.close()


def test_nobody_who_rings_waits_or_fails() -> None:
    bell = Bell()
    for _ in range(100_000):
        bell.ring()
    bell.silence()
    assert not wait([bell.fileno()], 0), "no ring stays behind, however many there were"
    bell.close()
    bell.ring()
