"""Epochs of stochastic training as loops that numba compiles to machine code.

This module decides when they pay, and does not import numba itself. The loops are in
``epoch.py``. They need dense samples in memory.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from skbp.engine.arrays import DType
from skbp.engine.problem import Problem
from skbp.engine.samples import Samples
from skbp.engine.settings import Settings

#: Seconds of training from which it pays to load the loops, which takes half a second,
#: and to compile them, which takes about 6 seconds, once on a machine. What a process
#: has done before does not count: the same fit should always give the same digits.
LOADED, COMPILED = 2.0, 60.0
#: A rough estimate of the time of a step: seconds, and multiplications in a second.
STEP, SPEED = 1e-4, 2e10

#: Weights times samples of a batch from which two threads share a batch, if both are
#: free: on an idle machine, a step then takes 0.6 of the time. Threads wait for each
#: other twice in a step.
SHARED = 400_000


def shares_of(problem: Problem, settings: Settings) -> int:
    """Return the number of shares of a batch.

    It depends on the work alone, and so do the digits of the result. Whether threads
    are free for the shares is another matter.
    """
    m = min(settings.batch_size, len(problem.samples))
    return 2 if problem.network.n_weights * m >= SHARED else 1


def available() -> bool:
    """Return whether numba is installed."""
    return "numba" in sys.modules or find_spec("numba") is not None


def suits(problem: Problem) -> bool:
    """Return whether the compiled loops can train on these samples."""
    samples = problem.samples
    if problem.loss.own:
        return False
    if not isinstance(samples, Samples) or type(samples.X) is not np.ndarray:
        return False
    arrays = [samples.X, samples.Y]
    if samples.weights is not None:
        if samples.weights.ndim == 2:
            # The loops have one weight for all targets of a sample.
            return False
        arrays.append(samples.weights)
    return all(one.flags.c_contiguous and one.dtype == samples.dtype for one in arrays)


def pays(problem: Problem, settings: Settings, n_networks: int) -> bool:
    """Return whether training is expected to take so long that the loops pay."""
    n, dtype = len(problem.samples), problem.samples.dtype
    steps = settings.max_iter * -(-n // settings.batch_size)
    multiplications = 3.0 * problem.network.n_weights * n * settings.max_iter
    seconds = n_networks * (steps * STEP + multiplications / SPEED)
    if seconds < LOADED:
        return False
    return available() and (seconds > COMPILED or mark_of(dtype).exists())


@cache
def sources() -> str:
    """Return what identifies the source code of the loops."""
    code = sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        code.update(file.read_bytes())
    return code.hexdigest()


def mark_of(dtype: DType) -> Path:
    """Return the file that shows that the loops were compiled on this machine."""
    folder, code = Path(__file__).parent / "__pycache__", sources()[:16]
    with suppress(PackageNotFoundError):
        code += f"-numba{version('numba')}"
    cpu = os.environ.get("NUMBA_CPU_NAME", "")
    return folder / f"epoch-{code}-{cpu}-{np.dtype(dtype).name}.compiled"
