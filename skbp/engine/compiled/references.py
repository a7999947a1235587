"""Views of arrays as matrices, and of tuples by reference.

numba passes a tuple of arrays as some hundred numbers. To compile calls of functions
with such tuples takes seconds, so that the functions take pointers to them instead.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed, lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, models, register_model
from numba.np.arrayobj import populate_array
from numba.np.linalg import dot_3_mm


class Reference(types.Type):
    """The type of a pointer to a named tuple."""

    def __init__(self, of: Any):
        self.of = of
        super().__init__(f"Reference({of})")


@register_model(Reference)
class ReferenceModel(models.OpaqueModel):
    """A pointer, whose type says nothing about the tuple."""


@infer_getattr
class ReferenceAttributes(AttributeTemplate):
    """The attributes of a named tuple."""

    key = Reference

    def generic_resolve(  # type: ignore[override]
        self, reference: Any, attribute: str
    ) -> Any:
        if attribute in reference.of.fields:
            return reference.of[reference.of.fields.index(attribute)]
        return None


@lower_getattr_generic(Reference)
def _attribute(
    context: Any, builder: Any, reference: Any, value: Any, name: str
) -> Any:
    """Load one attribute."""
    place = reference.of.fields.index(name)
    to = context.get_value_type(reference.of).as_pointer()
    pointer = cgutils.gep_inbounds(builder, builder.bitcast(value, to), 0, place)
    loaded = builder.load(pointer)
    return impl_ret_borrowed(context, builder, reference.of[place], loaded)


def _by_reference(typing: Any, value: Any) -> Any:
    """Return a pointer to a copy of a tuple, for the functions that are called."""
    reference = Reference(value)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = cgutils.alloca_once_value(builder, arguments[0])
        return builder.bitcast(pointer, context.get_value_type(reference))

    return reference(value), code


by_reference: Any = intrinsic(_by_reference)


def _matrix(typing: Any, array: Any, start: Any, m: Any, n: Any) -> Any:
    """Return the matrix (m, n) that begins at an element of an array."""
    matrix = types.Array(array.dtype, 2, "C", readonly=not array.mutable)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, start, m, n = arguments
        source = context.make_array(array)(context, builder, values)
        view = context.make_array(matrix)(context, builder)
        size = context.get_constant(
            types.intp, context.get_abi_sizeof(context.get_data_type(array.dtype))
        )
        populate_array(
            view,
            data=builder.gep(source.data, [start]),
            shape=cgutils.pack_array(builder, [m, n]),
            strides=cgutils.pack_array(builder, [builder.mul(n, size), size]),
            itemsize=size,
            meminfo=None,
            parent=None,
        )
        return view._getvalue()

    return matrix(array, types.intp, types.intp, types.intp), code


matrix: Any = intrinsic(_matrix)


def _product(typing: Any, a: Any, b: Any, out: Any) -> Any:
    """Set out := a b."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        dot_3_mm(context, builder, out(a, b, out), arguments)
        return context.get_dummy_value()

    return types.none(a, b, out), code


product: Any = intrinsic(_product)
