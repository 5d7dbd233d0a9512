"""What holds for every test: one torch thread, as in the workers, property tests that do the same thing every time, signals as a terminal
has them, no run and no image in the home folder, and of the thorough ones a share."""

from __future__ import annotations

import functools
import gc
import signal
from collections.abc import Iterator

import pytest
import torch
import typer.testing
from hypothesis import settings

from tests.thorough import commit_of, left_out, share_of, takes_all

torch.set_num_threads(1)

# The runner makes the tree of all commands and options anew for each call, which takes longer than most calls.
typer.testing._get_command = functools.cache(typer.testing._get_command)

# Commands that the tests start heed nohup, which whoever runs the tests may use.
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

settings.register_profile("maml", deadline=None, derandomize=True, max_examples=20, database=None)
settings.load_profile("maml")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough",
        choices=("share", "all"),
        default="share",
        help="which of the tests marked thorough: the share of this commit, or all",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--thorough") == "all" or takes_all(config.args):
        return
    others = left_out(items, share_of(commit_of(config.rootpath)))
    config.hook.pytest_deselected(items=others)
    known = set(others)
    items[:] = [item for item in items if item not in known]


def pytest_sessionstart() -> None:
    """Nothing is thrown away while tests are collected, and what they are stays: whoever looks for garbage need not look there."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.enable()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _nothing_in_the_home_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAML_RUNS", str(tmp_path_factory.mktemp("runs")))
        patch.setenv("MAML_SWEEPS", str(tmp_path_factory.mktemp("sweeps")))
        patch.setenv("MAML_DATA", str(tmp_path_factory.mktemp("data")))
        patch.setenv("MAML_COMPILED", "off")  # a compiler beside the tests would take their time
        patch.delenv("MAML_OMNIGLOT", raising=False)
        patch.delenv("MAML_OMNIGLOT_URL", raising=False)
        yield
