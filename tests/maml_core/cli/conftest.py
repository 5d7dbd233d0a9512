"""Where the runs of a test of the command line are kept, and its images."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.maml_core.datasets.layout import official


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the runs of this test are kept."""
    monkeypatch.setenv("MAML_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


@pytest.fixture
def omniglot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small Omniglot: three alphabets, one to train on and one for each split that is held out."""
    monkeypatch.setenv("MAML_OMNIGLOT", str(official(tmp_path / "files", ("images_background",), characters=5)))
    monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))
