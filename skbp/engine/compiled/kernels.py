"""Functions that are compiled on their own, when a network needs them.

Usually, numba links a function into each function that calls it. LLVM then optimises it
again for each of them, and the functions for all activations, losses and optimizers are
compiled to train any network. A *kernel* is called by its address instead, so that it
is compiled once, and only if it is needed. numba stores each kernel on disk.

Compiled functions find the addresses in an array. A kernel belongs to a place of this
array, or the kernels for several codes, such as the activations, to a row of places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import Parameter, Signature
from types import FunctionType
from typing import Any

import numpy as np
from numba import njit, typeof, types
from numba.core.typing import signature
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype

from skbp.engine.arrays import Array, DType
from skbp.engine.compiled import sources
from skbp.engine.compiled.references import Reference

#: Sums may be reordered, and products fused with sums. Numbers may be infinite or nan,
#: because divergence must be seen.
OPTIONS: Any = {
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
    "error_model": "numpy",
    "nogil": True,
    # Only compiled functions call these, so that they need no wrappers.
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,
}
compiled: Any = njit(**OPTIONS)
#: For functions with a single caller, because LLVM optimises a function again as a part
#: of each function that calls it.
inlined: Any = njit(inline="always", **OPTIONS)

#: What kernels take, besides named tuples by reference. "real" is the dtype of the
#: network, "float" is float64, and a number at the end counts dimensions.
NUMBERS = {
    "float": types.float64,
    "int": types.int64,
    "flag": types.boolean,
    "pair": types.UniTuple(types.int64, 2),
    "none": types.none,
}
REAL = ("real1", "real2")

#: What kernels do. Each has the same number of places, so that the places, which are
#: part of compiled functions on disk, don't depend on which module is imported first.
TASKS = ("forward", "residual", "step", "of_block", "update")
ROOM = 32

#: All kernels with the names of what they take, by their places in the array.
_kernels: dict[int, tuple[Any, list[str]]] = {}

#: What ``stored`` has returned.
_stored: dict[tuple[Any, DType], Any] = {}


def stored(function: Any, real: DType, **options: Any) -> Any:
    """Return the jitted function for a dtype, which numba keeps on disk.

    numba notices a change of the file that the function is in, and of no other one. It
    names the files of the cache after the function, whose name therefore gets a part
    that identifies the source code of all loops. The name of the dtype is another part:
    two processes that compile a function at the same time, for a dtype each, would
    write to the same file.
    """
    if (function, real) not in _stored:
        own = FunctionType(
            function.__code__,
            function.__globals__,
            function.__name__,
            function.__defaults__,
            function.__closure__,
        )
        own.__qualname__ = f"{function.__qualname__}_{real.name}_{sources()[:16]}"
        made = njit(cache=True, **{**OPTIONS, **options})(own)
        # Of two threads that come here at once, both get what the first one has made:
        # machine code ends with the object that it belongs to.
        _stored.setdefault((function, real), made)
    return _stored[function, real]


def type_of(name: str, real: Any, tuples: dict[str, Any]) -> Any:
    """Return the type that a name such as "real2" stands for."""
    if name in tuples:
        return tuples[name]
    kind, digit = name.rstrip("12"), name[-1]
    number = real if kind == "real" else NUMBERS[kind]
    return types.Array(number, int(digit), "C") if digit in "12" else number


def call_of(place: int, takes: list[str], gives: str, several: bool) -> Any:
    """Return the function that calls a kernel, see ``kernel`` and ``kernels``."""

    def typed(typing: Any, addresses: Any, *arguments: Any) -> Any:
        given = dict(zip(takes, arguments[several:], strict=True))
        tuples = {
            name: one for name, one in given.items() if isinstance(one, Reference)
        }
        real = next((given[name].dtype for name in takes if name in REAL), None)
        # numba converts what is given to these types, or refuses it.
        expected = [type_of(name, real, tuples) for name in takes]
        returned = type_of(gives, real, tuples)

        def code_of(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            array = context.make_array(sig.args[0])(context, builder, values[0])
            index = context.get_constant(types.intp, place)
            if several:
                index = builder.add(index, values[1])
            call = context.call_conv
            pointer = call.get_function_type(returned, expected).as_pointer()
            address = builder.load(builder.gep(array.data, [index]))
            _, result = call.call_function(
                builder,
                builder.inttoptr(address, pointer),
                returned,
                expected,
                values[1 + several :],
            )
            return result

        codes = [types.intp] * several
        return signature(returned, addresses, *codes, *expected), code_of

    names = ["typing", "addresses", *["code"] * several]
    names += [f"_{i}" for i in range(len(takes))]
    typed.__signature__ = Signature(  # type: ignore[attr-defined]
        [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    )
    call: Any = intrinsic(typed)
    call.place = place
    return call


def kernels(
    task: str, functions: Iterable[Any], takes: str, gives: str = "none"
) -> Any:
    """Return ``call(addresses, code, ...)``, which calls one of some kernels.

    ``takes`` names the types of what the kernels take, and ``gives`` the type of what
    they return. The kernels are those for the codes 0, 1, 2 ...
    """
    place, names = ROOM * TASKS.index(task), takes.split()
    for code, function in enumerate(functions):
        # Functions with the same name and types would be confused with each other.
        function.__qualname__ += f"_{code}"
        _kernels[place + code] = function, names
    return call_of(place, names, gives, True)


def kernel(takes: str, gives: str = "none") -> Callable[[Any], Any]:
    """Turn a function into a kernel, which ``call(addresses, ...)`` calls."""

    def decorate(function: Any) -> Any:
        place, names = ROOM * TASKS.index(function.__name__), takes.split()
        _kernels[place] = function, names
        return call_of(place, names, gives, False)

    return decorate


def compile_kernels(
    addresses: Array, places: Iterable[int], real: DType, tuples: dict[str, Any]
) -> None:
    """Fill in the addresses of the kernels at some places, compiled where needed."""
    tuples = {name: Reference(typeof(one)) for name, one in tuples.items()}
    for place in places:
        function, takes = _kernels[place]
        kernel = stored(function, real)
        types_of_all = tuple(type_of(name, from_dtype(real), tuples) for name in takes)
        kernel.compile(types_of_all)
        compiled = kernel.overloads[types_of_all]
        addresses[place] = compiled.library.get_pointer_to_function(
            compiled.fndesc.llvm_func_name
        )


def no_addresses() -> Array:
    """Return the array in which to fill in the addresses of kernels."""
    return np.zeros(ROOM * len(TASKS), np.int64)
