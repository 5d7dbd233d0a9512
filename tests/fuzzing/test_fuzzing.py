"""Some thousand bad inputs, the same at each run; more of them, and how long they take, by `python -m tests.fuzzing`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzzing.__main__ import case, fault
from tests.fuzzing.targets import Target, targets

NUM_CASES = 100
WRITTEN = {
    "runs",
    "spoiled",
    "imported",
    "one.zip",
    "it.zip",
    "imported sweeps",
    "settings.toml",
    "settings.json",
    "sweeps",
    "pictures",
    "pictures.zip",
}
"""What the readers are given to write to."""


@pytest.fixture(scope="module")
def all_targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Target]]:
    around = tmp_path_factory.mktemp("around")
    (around / "of others").write_text("theirs")
    yield targets(folder := around / "in")
    assert {path.name for path in folder.iterdir()} <= WRITTEN
    assert {path.name for path in around.iterdir()} == {"in", "of others"}
    assert (around / "of others").read_text() == "theirs"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("number", range(4))
def test_bad_input_is_refused_in_a_sentence(all_targets: dict[str, Target], number: int) -> None:
    found = {
        name: found
        for name, target in all_targets.items()
        for each in range(NUM_CASES // 4)
        if (found := fault(target, case(target, f"{number}/{each}")))
    }
    assert found == {}


def test_each_reads_what_is_valid(all_targets: dict[str, Target]) -> None:
    """Or all would end at the first check."""
    for target in all_targets.values():
        target.take(target.valid)


def test_a_fault_is_one() -> None:
    def take(data: bytes) -> None:
        if data == b"bad":
            raise IndexError("deep inside")
        raise ValueError("said in a sentence")

    target = Target(b"", lambda random: b"", take, (ValueError,))
    assert "deep inside" in fault(target, b"bad")
    assert fault(target, b"good") == ""
