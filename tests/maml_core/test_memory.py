"""Freed memory stays with the process, up to a bound; a server with little memory knows it."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from maml_core import memory

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


@pytest.mark.parametrize("file", ["sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"])
def test_a_containers_limit_counts_where_it_is_less_than_the_machines_memory(file: str, tmp_path: Path) -> None:
    whole = memory.memory_bytes(tmp_path)
    assert whole is not None
    limit = tmp_path / file
    limit.parent.mkdir(parents=True)
    for said, expected in (("1500000000", 1_500_000_000), ("max", whole), (str(2**62), whole)):
        limit.write_text(f"{said}\n")
        assert memory.memory_bytes(tmp_path) == expected


def test_memory_says_whether_a_server_is_a_small_one_where_nobody_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for found, expected in ((2_700_000_000, True), (3_900_000_000, False), (None, False)):
        monkeypatch.setattr(memory, "memory_bytes", lambda found=found: found)
        assert memory.is_small({}) is expected
        assert memory.is_small({"MAML_SMALL": "0"}) is False
        assert memory.is_small({"MAML_SMALL": "1"}) is True


HOLES = """
import sys
from pathlib import Path
from maml_core.memory import give_back_freed_memory

def used_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

if sys.argv[1] == "given back":
    give_back_freed_memory()
bytearray(8 * 2**20)  # once freed, blocks as large as it are kept by default
before = used_mb()
blocks = [(bytearray(200_000), bytearray(1_000)) for _ in range(200)]
kept = [small for _, small in blocks]
del blocks
print(used_mb() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what is set is glibc's")
@pytest.mark.parametrize(("what", "least", "most"), [("default", 30.0, 50.0), ("given back", -5.0, 5.0)])
def test_large_blocks_leave_no_holes_between_small_ones(what: str, least: float, most: float) -> None:
    command = [sys.executable, "-c", HOLES, what]
    left_mb = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert least < left_mb < most
