"""exp, expm1 and tanh of a number, in a form that LLVM turns into vector instructions.

At the end are the constants of a dtype, as functions of a number of the dtype.

The C library computes one number at a time. The functions here consist of additions,
products and shifts alone, so that a loop over an array handles 4 to 16 numbers at once.
Errors are below 3 units in the last place. exp(x) is 0 where it would be smaller than
three times the smallest normal number, because arithmetic with subnormal numbers takes
a hundred times as long.

The Python functions here only carry names and docstrings. numba compiles what the
function under each, decorated with ``overload``, returns for the type of the argument.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial, log
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic, overload

#: Products may be fused with sums, and no more: the rounding below needs its order.
OPTIONS: Any = {"fastmath": {"contract"}, "error_model": "numpy"}


def _bits(typing: Any, x: Any) -> Any:
    """Return the bits of a float as an integer of the same size."""
    integer = types.int32 if x == types.float32 else types.int64

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(integer))

    return integer(x), code


def _float(typing: Any, bits: Any) -> Any:
    """Return the float with these bits."""
    real = types.float32 if bits == types.int32 else types.float64

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(real))

    return real(bits), code


bits_of: Any = intrinsic(_bits)
float_of: Any = intrinsic(_float)


def split(x: Any) -> tuple[Any, Any]:
    """Return r and s = 2^(n-1), where x = n log 2 + r and |r| <= log(2) / 2."""
    raise NotImplementedError("only compiled")


@overload(split, jit_options=OPTIONS)
def _split(x: Any) -> Any:
    single = x == types.float32
    real, integer = (np.float32, np.int32) if single else (np.float64, np.int64)
    digits, bias = (23, 127) if single else (52, 1023)
    # A number this large has no digits after the point: adding it rounds to an integer,
    # which its last bits then hold.
    large = real(1.5 * 2.0**digits)
    # log 2 in two parts. The first has so few digits that n times it is exact.
    high = real(0.693359375) if single else real(0.6931471803691238)
    low = real(log(2.0) - 0.693359375) if single else real(1.9082149292705877e-10)
    inverse, before = real(1.0 / log(2.0)), integer(bias - 1)
    shift, zero = integer(digits), _as_integer(large)

    def impl(x: Any) -> Any:
        rounded = x * inverse + large
        n = rounded - large
        r = (x - n * high) - n * low
        return r, float_of(integer((bits_of(rounded) - zero + before) << shift))

    return impl


def _as_integer(x: Any) -> Any:
    """Return the bits of a NumPy number as an integer."""
    return x.view(np.int32 if x.dtype == np.float32 else np.int64)


def grown(r: Any) -> Any:
    """Return exp(r) - 1 for |r| <= log(2) / 2: r + r²/2! + r³/3! + ..."""
    raise NotImplementedError("only compiled")


@overload(grown, jit_options=OPTIONS)
def _grown(r: Any) -> Any:
    real = np.float32 if r == types.float32 else np.float64
    c = tuple(real(1.0 / factorial(k)) for k in range(2, 15))
    c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, _ = c
    if r == types.float32:

        def impl(r: Any) -> Any:
            q = ((((c7 * r + c6) * r + c5) * r + c4) * r + c3) * r + c2
            return r * r * q + r

    else:

        def impl(r: Any) -> Any:
            q = (((c13 * r + c12) * r + c11) * r + c10) * r + c9
            q = ((((q * r + c8) * r + c7) * r + c6) * r + c5) * r + c4
            return r * r * ((q * r + c3) * r + c2) + r

    return impl


def exp(x: Any) -> Any:
    """Return e^x."""
    raise NotImplementedError("only compiled")


@overload(exp, jit_options=OPTIONS)
def _exp(x: Any) -> Any:
    real = np.float32 if x == types.float32 else np.float64
    finfo = np.finfo(real)
    most = real(np.nextafter(real(log(float(finfo.max))), real(0.0)))
    # One power of 2 above the least, because s is half of 2^n.
    least = real(log(float(finfo.tiny)) + 1.0)
    zero, two, one, infinite = real(0.0), real(2.0), real(1.0), real(np.inf)

    def impl(x: Any) -> Any:
        # min and max would hide nan.
        inside = x if x < most else most
        inside = inside if inside > least else least
        r, s = split(inside)
        y = (grown(r) + one) * s * two
        y = y if x >= least else zero
        y = y if x <= most else infinite
        return y if x == x else x

    return impl


def expm1(x: Any) -> Any:
    """Return e^x - 1, precisely for small x, too."""
    raise NotImplementedError("only compiled")


@overload(expm1, jit_options=OPTIONS)
def _expm1(x: Any) -> Any:
    real = np.float32 if x == types.float32 else np.float64
    most = real(np.nextafter(real(log(float(np.finfo(real).max))), real(0.0)))
    # Below, the result is -1.
    least = real(-40.0)
    half, two, infinite = real(0.5), real(2.0), real(np.inf)

    def impl(x: Any) -> Any:
        inside = x if x < most else most
        inside = inside if inside > least else least
        r, s = split(inside)
        # s = 2^(n-1): 2^n (e^r - 1) + (2^n - 1)
        y = (grown(r) * s + (s - half)) * two
        y = y if x <= most else infinite
        return y if x == x else x

    return impl


def tanh(x: Any) -> Any:
    """Return tanh(x) = (e^2x - 1) / (e^2x + 1)."""
    raise NotImplementedError("only compiled")


@overload(tanh, jit_options=OPTIONS)
def _tanh(x: Any) -> Any:
    real = np.float32 if x == types.float32 else np.float64
    # From here on tanh is 1 to the last digit.
    most, two = real(20.0), real(2.0)

    def impl(x: Any) -> Any:
        inside = x if x < most else most
        inside = inside if inside > -most else -most
        e = expm1(two * inside)
        y = e / (e + two)
        return y if x == x else x

    return impl


def of_machine(value: Callable[[np.finfo[Any]], Any]) -> Any:
    """Return the function that computes a number from the dtype of its argument."""

    def constant(a: Any) -> Any:
        raise NotImplementedError("only compiled")

    @overload(constant)
    def _constant(a: Any) -> Any:
        real = np.float32 if a == types.float32 else np.float64
        number = real(value(np.finfo(real)))

        def impl(a: Any) -> Any:
            return number

        return impl

    return constant


eps: Any = of_machine(lambda finfo: finfo.eps)
tiny: Any = of_machine(lambda finfo: finfo.tiny)
root_tiny: Any = of_machine(lambda finfo: np.sqrt(finfo.tiny))
