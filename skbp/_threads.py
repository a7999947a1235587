"""How many threads BLAS may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

from threadpoolctl import LibController, ThreadpoolController

#: Multiplications in a matrix product from which a second thread pays. Below, threads
#: wait for each other longer than they save: little on an idle machine, several times
#: the whole step on a busy one.
WORTH_THREADS = 6_000_000
#: Multiplications up to which OpenBLAS uses one thread by itself, in products with a
#: vector, too.
ONE_THREAD = 2**13

_lock = Lock()
_users = 0
_before: list[int] = []


@cache
def _libraries() -> list[LibController]:
    """Return what sets the threads of each BLAS library that is loaded."""
    controllers = ThreadpoolController().lib_controllers
    return [one for one in controllers if one.user_api == "blas"]


@contextmanager
def blas_threads_for(multiplications: int) -> Iterator[None]:
    """Limit BLAS to one thread if the largest product is a small one.

    The limit holds for the process, so that the first of several concurrent users sets
    it and the last takes it back.
    """
    global _users, _before
    if not ONE_THREAD < multiplications < WORTH_THREADS:
        yield
        return
    with _lock:
        if _users == 0:
            _before = [one.get_num_threads() for one in _libraries()]
            for one in _libraries():
                one.set_num_threads(1)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                for one, threads in zip(_libraries(), _before, strict=True):
                    one.set_num_threads(threads)
