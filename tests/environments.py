"""New environments that have what the project needs, and not the project: nothing is fetched for them, they look into the one that the tests run in."""

from __future__ import annotations

import sysconfig
import venv
from pathlib import Path


def new_environment(folder: Path) -> Path:
    """Make one, without pip.

    Args:
        folder: Where it is to be.

    Returns:
        Its interpreter.
    """
    venv.create(folder)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    # A folder that a .pth file names is looked into, but .pth files in it are not read: that of an editable installation is one.
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder / "bin" / "python"
