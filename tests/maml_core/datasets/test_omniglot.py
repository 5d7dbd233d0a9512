"""Omniglot: found, imported, kept, split, and what happens when something is wrong with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from maml_core.datasets.omniglot import find_omniglot, import_omniglot, load_omniglot
from tests.maml_core.datasets.layout import official, zipped


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the images of this test are kept."""
    monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def test_import_from_folders(tmp_path: Path) -> None:
    images = import_omniglot(official(tmp_path / "files"))
    assert images.images.shape == (20 * 6, 1, 28, 28)
    assert images.class_names[:5] == (*(f"Greek/character{c:02d}" for c in (1, 2, 3, 4)), "Hebrew/character01")
    assert set(images.groups) == {
        *("background/Greek", "background/Hebrew", "background/Korean", "evaluation/Tibetan", "evaluation/ULOG")
    }
    assert images.class_sizes.tolist() == [6] * 20
    ink = images.images.astype(float).sum((1, 2, 3)).reshape(5, 4, 6) / 255 * (105 / 28) ** 2
    expected = 10.0 * (10 + 5 * np.arange(4))  # pixels of the bar
    assert np.allclose(ink, expected[:, None], rtol=0.15)


def test_zip_files_give_the_same_as_folders(tmp_path: Path) -> None:
    files = official(tmp_path / "files")
    from_folders = import_omniglot(files)
    for part in ("images_background", "images_evaluation"):
        zipped(files, part, tmp_path / "zips")
    from_zips = import_omniglot(tmp_path / "zips")
    assert np.array_equal(from_zips.images, from_folders.images)
    assert from_zips.class_names == from_folders.class_names
    assert np.array_equal(load_omniglot().images, from_zips.images)
    status = find_omniglot()
    assert (status.state, status.num_classes, status.num_images, status.num_alphabets) == ("ready", 20, 120, 5)
