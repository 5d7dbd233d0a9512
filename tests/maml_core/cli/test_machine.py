"""What the commands say of a machine: what it can do and why, and which compiled outer steps it keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from maml_core.compiled import files
from tests.maml_core.cli.cases import maml


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RUNS", "SWEEPS", "DATA", "COMPILED"):
        monkeypatch.setenv(f"MAML_{name}", str(tmp_path / name.lower()))
    return tmp_path / "compiled"


def says(what: str, code: int = 0) -> tuple[bool, str]:
    found = json.loads(maml("doctor", "--json", code=code).stdout)[what]
    return found["well"], found["says"]


def test_a_machine_without_a_compiler_trains_eagerly_and_the_doctor_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    is_well, sentence = says("compiled steps")
    assert not is_well
    assert "no C++ compiler (no-such-compiler)" in sentence


def test_switched_off_it_says_by_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAML_COMPILED", files.OFF)
    assert says("compiled steps") == (False, "switched off by MAML_COMPILED=off; every step is computed eagerly")
    assert "switched off" in maml("cache", "show").stdout
    assert maml("cache", "clear").stdout == "Threw away 0 compiled outer steps.\n"


def test_what_could_not_be_compiled_is_told_until_it_is_cleared(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "cat")  # any command that is there
    files.note_failure("RuntimeError: no space is left")
    is_well, sentence = says("the last one")
    assert not is_well
    assert sentence.endswith("RuntimeError: no space is left")
    maml("cache", "clear")
    assert "the last one" not in json.loads(maml("doctor", "--json").stdout)


def test_a_folder_that_others_can_write_into_is_named_with_the_way_out(place: Path) -> None:
    place.mkdir(mode=0o777)
    place.chmod(0o777)
    is_well, sentence = says("compiled steps")
    assert not is_well
    assert sentence.endswith(f"say chmod 700 {place}")


def test_a_folder_that_cannot_be_written_is_what_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stands_in_the_way = tmp_path / "file"
    stands_in_the_way.write_text("")
    monkeypatch.setenv("MAML_RUNS", str(stands_in_the_way / "runs"))
    is_well, sentence = says("runs", code=3)
    assert not is_well
    assert "cannot be written" in sentence
    assert "--  runs: " in maml("doctor", code=3).stdout


def test_the_cache_is_shown_and_cleared(place: Path) -> None:
    files.keep("a" * 32, {"step": bytes(1_000_000), "inner": bytes(500_000)})
    files.keep("b" * 32, {"step": bytes(500_000)})
    assert f"2 compiled outer steps, 2.0 of at most 268 MB, in {place}." in " ".join(
        maml("cache", "show").stdout.split()
    )
    shown = json.loads(maml("cache", "show", "--json").stdout)
    assert shown == {"folder": str(place), "num_steps": 2, "num_bytes": 2_000_000, "max_bytes": files.MAX_BYTES}
    assert maml("cache", "clear").stdout == "Threw away 2 compiled outer steps.\n"
    assert list(place.iterdir()) == []
