"""Threads inside compiled loops that wait for each other between the parts of a step.

A part takes less time than it takes to wake a sleeping thread. So a thread that waits
looks again and again, and soon lets other programs have the core in between.
"""

from __future__ import annotations

import os
from typing import Any

from numba import types
from numba.extending import intrinsic

from skbp.engine.compiled.kernels import compiled

#: How many times a thread looks before it lets other programs have the core.
LOOKS = 2000
#: Places in the array ``sync``, on cache lines of their own: how many times a thread
#: has arrived, and whether a thread has ended early, for which nobody should wait.
ARRIVED, ENDED, LENGTH = 0, 8, 16


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Return the pointer to an element of an array of int64."""
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.gep(array.data, [arguments[1]])


def _arrive(typing: Any, array: Any, place: Any) -> Any:
    """Add 1 to an element, and return its old value, as one operation."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature, arguments)
        one = context.get_constant(types.int64, 1)
        return builder.atomic_rmw("add", pointer, one, "seq_cst")

    return types.int64(array, types.intp), code


def _look(typing: Any, array: Any, place: Any) -> Any:
    """Return an element as other threads have left it."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature, arguments)
        return builder.load_atomic(pointer, "seq_cst", 8)

    return types.int64(array, types.intp), code


arrive: Any = intrinsic(_arrive)
look: Any = intrinsic(_look)

if os.name == "posix":
    give_way: Any = types.ExternalFunction("sched_yield", types.int32())
else:

    @compiled
    def give_way() -> int:
        return 0


@compiled
def wait(sync: Any, threads: int) -> bool:
    """Wait until all threads are here; return False if one has ended early."""
    if threads == 1:
        return True
    # All have arrived when the number of arrivals is the next multiple of threads.
    all_here = (arrive(sync, ARRIVED) // threads + 1) * threads
    looks = 0
    while look(sync, ARRIVED) < all_here:
        looks += 1
        if looks > LOOKS:
            if look(sync, ENDED):
                return False
            give_way()
    return True
