"""Epochs of stochastic training as loops that numba compiles to machine code.

This module decides when they pay, and does not import numba itself. The loops are in
``epoch.py``. They need dense samples in memory.
"""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path

import numpy as np

from skbp.engine import arrays
from skbp.engine.arrays import DType
from skbp.engine.problem import Problem
from skbp.engine.samples import Samples
from skbp.engine.settings import Settings

#: Seconds that the loops must save to be loaded, which takes half a second, and to be
#: compiled, which takes about 6 seconds, once on a machine. What a process has done
#: before does not count, only whether this machine has compiled them.
LOADED, COMPILED = 0.5, 15.0
#: A rough estimate of the time of a step: the seconds of NumPy's calls, which networks
#: in lock-step share, and of what the loops do for each network besides products; and
#: how many multiplications of float32 NumPy and the loops do in a second.
CALLS, OWN, NUMPY, LOOPS = 5e-5, 6e-6, 4e10, 6e10

#: How lines of /proc/cpuinfo begin that say what a processor is and can do.
PROCESSOR = ("vendor_id", "model", "flags", "CPU", "Features")

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


def pays(
    problem: Problem, settings: Settings, n_networks: int, in_lockstep: int = 1
) -> bool:
    """Return whether the loops are expected to save more time than they cost.

    Parameters
    ----------
    problem : Problem
    settings : Settings
    n_networks : int
        The number of networks that are trained like this.
    in_lockstep : int
        How many of them NumPy would train at a time.
    """
    n, dtype = len(problem.samples), problem.samples.dtype
    steps = settings.max_iter * -(-n // settings.batch_size)
    multiplications = 3.0 * problem.network.n_weights * n * settings.max_iter
    multiplications *= dtype.itemsize / 4
    seconds = steps * CALLS / in_lockstep + multiplications / NUMPY
    saved = n_networks * (seconds - steps * OWN - multiplications / LOOPS)
    if saved < LOADED:
        return False
    return available() and (saved > COMPILED or is_marked(dtype))


def files() -> list[Path]:
    """Return the files that the machine code of the loops comes from.

    One of them is of another folder: the size of a block is a part of the machine code.
    """
    return [*sorted(Path(__file__).parent.glob("*.py")), Path(arrays.__file__)]


@cache
def sources() -> str:
    """Return what identifies the source code of the loops."""
    code = sha256()
    for file in files():
        code.update(file.read_bytes())
    return code.hexdigest()


@cache
def installation() -> str:
    """Return what else must be the same for numba to find what it has compiled.

    These are the version of Python, the folder of the source code, and the times and
    sizes of its files.
    """
    known = [str(sys.implementation.cache_tag), str(Path(__file__).parent)]
    for file in files():
        found = file.stat()
        known.append(f"{file.name} {found.st_mtime_ns} {found.st_size}")
    return sha256("\n".join(known).encode()).hexdigest()


@cache
def processor() -> str:
    """Return what identifies the processor, because numba compiles for no other.

    Machines may share a folder. (numba knows the processor, but is not loaded yet.)
    """
    known = [platform.machine(), os.environ.get("PROCESSOR_IDENTIFIER", "")]
    known += [os.environ.get(f"NUMBA_CPU_{name}", "") for name in ("NAME", "FEATURES")]
    with suppress(OSError), open("/proc/cpuinfo") as lines:
        # The first processor's lines, of which some are numbers that change.
        first = takewhile(str.strip, lines)
        known += [line for line in first if line.startswith(PROCESSOR)]
    return sha256("\n".join(known).encode()).hexdigest()


def mark_of(dtype: DType) -> Path:
    """Return the file that shows that the loops were compiled on this machine.

    It is where numba has its cache: in this folder or, if that cannot be written to,
    in one of the user's.
    """
    code, folder = sources()[:16], Path(__file__).parent / "__pycache__"
    with suppress(PackageNotFoundError):
        code += f"-numba{version('numba')}"
    if not os.access(folder if os.path.exists(folder) else folder.parent, os.W_OK):
        folder = Path(os.path.expanduser("~/.cache/skbp"))
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or folder)
    code += f"-{processor()[:16]}-{installation()[:16]}"
    return folder / f"epoch-{code}-{np.dtype(dtype).name}.compiled"


def is_marked(dtype: DType) -> bool:
    """Return whether the mark is there, and its folder can be searched."""
    return os.path.exists(mark_of(dtype))


def is_first_to_compile(dtype: DType) -> bool:
    """Return whether no process of this machine has begun to compile the loops.

    From then on, one has.
    """
    begun = mark_of(dtype).with_suffix(".begun")
    try:
        begun.parent.mkdir(parents=True, exist_ok=True)
        begun.touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError:
        pass
    return True
