"""How fast this machine's memory can be read: the floor of a program that reads all weights for every token."""

import ctypes
import shutil
import subprocess
import sys
import time
from pathlib import Path

from peer import THREADS

HERE = Path(__file__).parent
BUILT = HERE.parent.parent / ".cache" / "bench-read" / "read.so"
READS = 8


def compiled():
    """`read.c` as a function, or None where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform == "win32":
        return None
    BUILT.parent.mkdir(parents=True, exist_ok=True)
    flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC", "-pthread"]
    made = subprocess.run([compiler, *flags, str(HERE / "read.c"), "-o", str(BUILT)], capture_output=True)
    if made.returncode != 0:
        return None
    function = ctypes.CDLL(str(BUILT)).read_all
    function.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    function.restype = ctypes.c_float
    return function


def read(count):
    """Reads `count` floats, by the faster of a C loop and PyTorch's sum: the median time of one reading."""
    import torch

    memory = torch.ones(count)
    ways = [memory.sum]
    native = compiled()
    if native is not None:
        ways.append(lambda: native(memory.data_ptr(), count, THREADS))

    def median(way):
        times = []
        for _ in range(READS):
            start = time.perf_counter()
            way()
            times.append(time.perf_counter() - start)
        return sorted(times)[READS // 2]

    def work():
        return Reading(min(median(way) for way in ways) * 1e3)

    name = "PyTorch's sum" if native is None else "a C loop or PyTorch's sum"
    return work, f"memory read by {name}", lambda _: []


class Reading:
    """What `peer.run` takes the time from."""

    def __init__(self, ms):
        self.ms = ms
