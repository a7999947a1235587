"""The number of threads that BLAS may use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

#: The number of multiplications in a matrix product from which a second thread pays. In
#: smaller products, threads lose more time by waiting for each other than they save: a
#: little on an idle machine, and several times the duration of the whole step on a busy
#: one.
WORTH_THREADS = 6_000_000

#: Steps from which a limit pays: to set it takes as long as a few small steps.
WORTH_LIMIT = 10

_lock = Lock()
_users = 0
_limits: Any = None


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def blas_threads_for(multiplications: int, steps: int = WORTH_LIMIT) -> Iterator[None]:
    """Limit BLAS to one thread if the largest product of many steps is a small one.

    The limit applies to the whole process. If there are several users at the same time,
    the first one sets it and the last one removes it.
    """
    global _users, _limits
    if multiplications >= WORTH_THREADS or steps < WORTH_LIMIT:
        yield
        return
    with _lock:
        if _users == 0:
            _limits = _controller().limit(limits=1, user_api="blas")
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _limits.restore_original_limits()
