"""The equations of training as loops, which numba compiles to machine code."""
