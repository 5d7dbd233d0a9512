"""The lock of whoever trains a saved run, while others ask for it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from maml_core.errors import StoreError
from maml_core.store.folder import TRAINING, check_untrained, trained_alone

fcntl = pytest.importorskip("fcntl")  # not on Windows


def asks_for_the_holder(lock: Path, asking: threading.Event, seconds: float) -> None:
    """Have the lock for a moment, as whoever asks for its holder does."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        asking.set()
        threading.Event().wait(seconds)
    finally:
        os.close(handle)


def test_whoever_asks_is_not_taken_for_the_one_who_trains(tmp_path: Path) -> None:
    asking = threading.Event()
    question = threading.Thread(target=asks_for_the_holder, args=(tmp_path / TRAINING, asking, 0.05))
    question.start()
    assert asking.wait(10)
    with trained_alone(tmp_path), pytest.raises(StoreError, match="somebody trains in"):
        check_untrained(tmp_path)
    question.join()
    check_untrained(tmp_path)
    assert not (tmp_path / TRAINING).exists()


def test_of_two_who_train_the_second_is_told(tmp_path: Path) -> None:
    with trained_alone(tmp_path):
        with pytest.raises(StoreError, match=f"somebody trains in .*process {os.getpid()} on"), trained_alone(tmp_path):
            pass
        assert (tmp_path / TRAINING).exists()
