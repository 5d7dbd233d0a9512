"""Freed memory stays with the process, up to a bound."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

ROUNDS = """
import resource, sys
from maml_core.memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
for round in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [bytearray(4 * 2**20) for _ in range(int(sys.argv[2]))]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults_of_a_round(*arguments: str) -> int:
    command = [sys.executable, "-c", ROUNDS, *arguments]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what is set is glibc's")
def test_a_round_of_work_finds_the_memory_of_the_last() -> None:
    assert faults_of_a_round("kept", "25") < 1000
    assert faults_of_a_round("default", "25") > 10_000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what is set is glibc's")
def test_more_than_is_kept_goes_back() -> None:
    assert faults_of_a_round("kept", "80") > 10_000
