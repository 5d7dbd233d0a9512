"""A run of whole folders takes a share of the thorough tests, and after some commits all of them have been run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.thorough import NUM_SHARES, commit_of, left_out, share_of, takes_all


def item(name: str, *, case: str | None = None, is_thorough: bool = True) -> Any:
    callspec = {} if case is None else {"callspec": SimpleNamespace(id=case)}
    return SimpleNamespace(
        name=name, path=Path("tests/test_it.py"), get_closest_marker=lambda _: is_thorough or None, **callspec
    )


ITEMS = [item(f"test_{number}") for number in range(100)]


def test_each_thorough_test_is_in_one_share_and_no_share_is_empty() -> None:
    taken = [[one for one in ITEMS if one not in left_out(ITEMS, share)] for share in range(NUM_SHARES)]
    assert all(taken)
    assert sorted(one.name for share in taken for one in share) == sorted(one.name for one in ITEMS)


def test_what_is_not_thorough_is_never_left_out() -> None:
    others = [item(f"test_{number}", is_thorough=False) for number in range(20)]
    assert all(left_out(others, share) == [] for share in range(NUM_SHARES))


def test_tests_of_one_case_are_in_one_share() -> None:
    of_a_case = [item(f"test_{number}[MAML++]", case="MAML++") for number in range(20)]
    assert {len(left_out(of_a_case, share)) for share in range(NUM_SHARES)} == {0, 20}


def test_commits_differ_in_their_shares() -> None:
    commits = [hashlib.sha1(str(number).encode()).hexdigest() for number in range(50)]
    assert {share_of(commit) for commit in commits} == set(range(NUM_SHARES))


def test_the_commit_of_no_repository_is_empty(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == ""
    assert share_of("") == 0


@pytest.mark.parametrize(
    ("arguments", "all_of_them"),
    [
        ([], False),
        (["tests", "maml_core"], False),
        (["tests/browser"], False),
        (["tests/contracts/test_presets.py"], True),
        (["tests", "tests/contracts/test_presets.py::test_its_seeds_reach_the_horizon"], True),
    ],
)
def test_whoever_names_a_file_gets_all_of_it(arguments: list[str], all_of_them: bool) -> None:
    assert takes_all(arguments) == all_of_them
