"""Work that is shared among threads, which an interrupt may end at any time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Thread

from skbp.engine.arrays import Array

#: Multiplications of a call from which it pays to start a thread for its shares, which
#: takes 75 microseconds.
CALL = 3e7
#: The part of its time for which a thread has a core if the machine is not busy, and
#: the most calls for which one thread trains alone if it is.
BUSY, LONGEST = 0.8, 64


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


class Sharing:
    """Whether several threads should share the batches of a call.

    They wait for each other, and on a busy machine in vain: a thread that waits has a
    core, and the other one has not. Then one thread does the work of all, for more and
    more calls.
    """

    alone: int
    pause: int

    def __init__(self) -> None:
        #: For how many calls one thread trains alone, and how many it is next time.
        self.alone, self.pause = 0, 1

    def pays(self, multiplications: float) -> bool:
        """Return whether to share the next call."""
        self.alone = max(0, self.alone - 1)
        return self.alone == 0 and multiplications > CALL

    def after(self, used: Array) -> None:
        """Learn for which part of a shared call each thread had a core."""
        # The first time, it may be the threads of BLAS that take a core: after a
        # product, they look for the next one for a tenth of a second.
        busy = used.min() < BUSY
        self.alone = self.pause if busy else 0
        self.pause = min(2 * self.pause, LONGEST) if busy else 1


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
