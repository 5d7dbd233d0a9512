"""The server's settings lie beside the page's script, so that they hold from whatever folder it is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

ASK = """
import os
from streamlit import config
from streamlit.web import bootstrap
config._main_script_path = os.path.abspath({script!r})  # as `streamlit run` does
bootstrap.load_config_options(flag_options={flags!r})
print(config.get_option("server.address"), config.get_option("browser.gatherUsageStats"))
"""


def settings(folder: Path, flags: dict[str, str]) -> str:
    """Address and usage statistics of a page that is started in a folder."""
    code = ASK.format(script=str(ROOT / "dashboard" / "app.py"), flags=flags)
    environment = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_from_any_folder_the_page_is_for_this_machine_and_sends_no_statistics(tmp_path: Path) -> None:
    assert settings(tmp_path, {}) == "127.0.0.1 False"
    assert settings(ROOT, {}) == "127.0.0.1 False"


def test_settings_of_the_folder_do_not_open_it_and_the_command_line_does(tmp_path: Path) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text('[server]\naddress = "0.0.0.0"\n')
    assert settings(tmp_path, {}) == "127.0.0.1 False"
    assert settings(tmp_path, {"server_address": "0.0.0.0"}) == "0.0.0.0 False"
