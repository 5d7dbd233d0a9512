"""The tests, and the kernels that they compute with.

Which kernels torch and MKL choose depends on the processor, and the tests' bounds on rounding are for those of AVX2: with the ones of AVX-512 a step
differs from its compiled form by 1.3e-12 where 1e-12 is asked. So that the same tests pass on all processors that have AVX2, these are
chosen before anything imports torch, for the processes that tests start as well. Who has chosen others keeps them.
"""

import os
from pathlib import Path

_PROCESSOR = Path("/proc/cpuinfo")

if _PROCESSOR.exists() and " avx2 " in _PROCESSOR.read_text(encoding="utf-8"):
    os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx2")
    os.environ.setdefault("MKL_CBWR", "AVX2")
