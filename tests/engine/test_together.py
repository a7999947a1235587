"""Work that is shared among threads, and what interrupts do to it."""

import threading
from time import sleep

import pytest

from skbp.engine.compiled import together as module
from skbp.engine.compiled.together import Gate, together


class Shares:
    """Shares of work that count who is inside, and end early if told to."""

    def __init__(self):
        self.done, self.at_work, self.stopped = set(), 0, threading.Event()

    def __call__(self, i):
        self.at_work += 1
        if i == 0 or not self.stopped.wait(0.05):
            self.done.add(i)
        self.at_work -= 1

    def stop(self):
        self.stopped.set()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_every_share_is_done(n):
    shares = Shares()
    assert together(shares, n, shares.stop)
    assert shares.done == set(range(n))


class InterruptedLate(threading.Thread):
    """The interrupt comes when the thread runs."""

    def start(self):
        super().start()
        raise KeyboardInterrupt


class InterruptedEarly(threading.Thread):
    """The interrupt comes when nobody knows whether the thread will run."""

    def start(self):
        threading.Thread(target=self.late, daemon=True).start()
        raise KeyboardInterrupt

    def late(self):
        sleep(0.1)
        self.run()


@pytest.mark.parametrize("kind", [InterruptedLate, InterruptedEarly])
def test_an_interrupt_while_threads_start(kind, monkeypatch):
    monkeypatch.setattr(module, "Thread", kind)
    shares = Shares()
    with pytest.raises(KeyboardInterrupt):
        together(shares, 3, shares.stop)
    assert shares.at_work == 0
    sleep(0.2)
    # A thread that came late has found the gate closed.
    assert shares.done == set()
    assert shares.at_work == 0


def test_interrupts_one_after_the_other(monkeypatch):
    """The first in the own share, others while waiting for the threads."""
    interrupts, wait = iter(range(3)), Gate.wait

    def interrupted(gate):
        for _ in interrupts:
            raise KeyboardInterrupt
        wait(gate)

    monkeypatch.setattr(Gate, "wait", interrupted)
    shares = Shares()

    def share(i):
        if i == 0:
            raise KeyboardInterrupt
        shares(i)

    with pytest.raises(KeyboardInterrupt):
        together(share, 2, shares.stop)
    assert shares.at_work == 0
    assert next(interrupts, None) is None


def test_no_threads_to_be_had(monkeypatch):
    class Scarce(threading.Thread):
        started = 0

        def start(self):
            Scarce.started += 1
            if Scarce.started > 1:
                raise RuntimeError("can't start new thread")
            super().start()

    monkeypatch.setattr(module, "Thread", Scarce)
    shares = Shares()
    assert not together(shares, 4, shares.stop)
    sleep(0.1)
    assert shares.done == set()
