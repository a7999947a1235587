"""Work that is shared among threads, which an interrupt may end at any time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Thread


class Gate:
    """Where threads wait until all have started, and which an interrupt closes.

    An interrupt may come while a thread starts, when nobody can tell whether the thread
    will run. A thread that comes to the gate after it was closed does nothing.
    """

    changed: Condition
    open: bool
    inside: int
    decided: bool

    def __init__(self) -> None:
        self.changed, self.open, self.inside = Condition(), False, 0
        self.decided = False

    def enter(self) -> bool:
        """Wait until it is decided whether the gate is open; return whether it is."""
        with self.changed:
            self.changed.wait_for(lambda: self.decided)
            self.inside += self.open
            return self.open

    def leave(self) -> None:
        with self.changed:
            self.inside -= 1
            self.changed.notify_all()

    def decide(self, opened: bool) -> None:
        """Open the gate, or close it."""
        with self.changed:
            self.open, self.decided = opened, True
            self.changed.notify_all()

    def wait(self) -> None:
        """Wait until nobody is inside."""
        with self.changed:
            self.changed.wait_for(lambda: not self.inside)


def together(share: Callable[[int], None], n: int, stop: Callable[[], None]) -> bool:
    """Call ``share`` with 0 ... n - 1, each in a thread of its own.

    Parameters
    ----------
    share : callable
    n : int
    stop : callable
        Makes the shares end early; called if an interrupt ends this function. It raises
        the interrupt when no thread is at work any more.

    Returns
    -------
    done : bool
        False if threads cannot start. Then no share has begun.
    """
    gate = Gate()

    def inside(i: int) -> None:
        if gate.enter():
            try:
                share(i)
            finally:
                gate.leave()

    others = [Thread(target=inside, args=(i,)) for i in range(1, n)]
    try:
        try:
            for thread in others:
                thread.start()
        except RuntimeError:  # no more threads, or the interpreter is about to end
            gate.decide(False)
            return False
        gate.decide(True)
        share(0)
        for thread in others:
            thread.join()
    except BaseException:
        at_work = True
        while at_work:
            # The arrays belong to the threads until all of them are done, no matter how
            # many interrupts come.
            with suppress(KeyboardInterrupt):
                stop()
                gate.decide(False)
                gate.wait()
                at_work = False
        raise
    return True
