"""How many threads BLAS may use.

The limit is a state of the process. A fork and an interrupt leave it as it should be:
a child process starts without a limit, and the threads of BLAS come back whenever an
interrupt arrives.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from itertools import product
from threading import RLock
from typing import Any, NamedTuple, TypeVar

from threadpoolctl import LibController, ThreadpoolController

T = TypeVar("T")

#: Multiplications in a matrix product from which a second thread pays. Below, threads
#: wait for each other longer than they save: little on an idle machine, several times
#: the whole step on a busy one.
WORTH_THREADS = 6_000_000
#: Multiplications up to which OpenBLAS uses one thread by itself, in products with a
#: vector, too.
ONE_THREAD = 2**13

_lock = RLock()
#: A token for each call that needs the limit now.
_users: set[object] = set()
#: The threads of each library before the limit; empty while there is no limit.
_before: list[int] = []


class Library(NamedTuple):
    """The functions that read and set the threads of one BLAS library."""

    get: Callable[[], int]
    set: Callable[[int], Any]


@cache
def _libraries() -> list[Library]:
    """Return each BLAS library that is loaded."""
    controllers = ThreadpoolController().lib_controllers
    return [_library(one) for one in controllers if one.user_api == "blas"]


def _library(controller: LibController) -> Library:
    """Return the functions of OpenBLAS itself, of other libraries the controller's.

    (Since version 3.8 of threadpoolctl, only one thread of a process can set the
    threads of OpenBLAS through its controller: the last user here might not be able to
    take the limit back. The functions of OpenBLAS also take a tenth of the time.)
    """
    if getattr(controller, "threading_layer", "") == "pthreads":
        for prefix, suffix in product(("", "scipy_"), ("", "64_", "_64")):
            name = f"{prefix}openblas_{{}}_num_threads{suffix}"
            get, set = (
                getattr(controller.dynlib, name.format(do), None)
                for do in ("get", "set")
            )
            if get is not None and set is not None:
                return Library(get, set)
    return Library(controller.get_num_threads, controller.set_num_threads)


def with_blas_threads_for(multiplications: int, work: Callable[[], T]) -> T:
    """Call ``work``, with BLAS limited to one thread if the largest product is small.

    The limit holds for the process: the first of several concurrent users sets it, and
    the last takes it back. (This is not a context manager, because an interrupt between
    ``__enter__`` and the body of a ``with`` statement would leave the limit in place.)
    """
    if not ONE_THREAD < multiplications < WORTH_THREADS:
        return work()
    user = object()
    try:
        _enter(user)
        return work()
    finally:
        interrupt = None
        while True:
            try:
                _leave(user)
                break
            except KeyboardInterrupt as error:
                interrupt = error
        if interrupt is not None:
            raise interrupt


def free_threads() -> int:
    """Return how many threads are free if BLAS uses one."""
    return max((one.get() for one in _libraries()), default=1)


def _enter(user: object) -> None:
    """Limit BLAS to one thread."""
    global _before
    with _lock:
        first = not _users
        if first:
            # Read before anything changes, so that an interrupt at any point from here
            # on leaves what _leave needs.
            _before = [one.get() for one in _libraries()]
        _users.add(user)
        if first:
            _set_threads([1] * len(_before))


def _leave(user: object) -> None:
    """Give BLAS its threads back after the last user; may be called again."""
    global _before
    with _lock:
        _users.discard(user)
        if not _users:
            _set_threads(_before)
            _before = []


def _set_threads(numbers: list[int]) -> None:
    for one, number in zip(_libraries(), numbers, strict=False):
        one.set(number)


def _start_anew() -> None:
    """Take the limit back in a child process, whose parent may hold lock and limit."""
    global _lock, _before
    _lock = RLock()
    _users.clear()
    if _before:
        # (Without a limit, a child does not even look for the libraries.)
        _set_threads(_before)
    _before = []


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
