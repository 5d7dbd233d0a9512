"""The ways to the page beside a clone: an image, a free cloud, a development container. Each file promises what is looked at here."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.benchmarks.crowd import session
from tests.browser.protocol import protocol_client
from tests.browser.server import Server
from tests.environments import new_environment
from tests.test_readmes import blocks

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
REQUIREMENTS = ROOT / "dashboard" / "requirements.txt"
CONTAINERFILE = ROOT / ".container" / "Containerfile"
CONTAINER = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))


class Instruction(NamedTuple):
    """A line of a Containerfile."""

    name: str
    text: str

    @property
    def command(self) -> list[str]:
        """The words of one in the form of a JSON list."""
        return json.loads(self.text[self.text.index("[") :])


def instructions() -> Iterator[Instruction]:
    """What the Containerfile says, without its comments."""
    for line in CONTAINERFILE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, text = line.partition(" ")
            yield Instruction(name, text)


ALL = [*instructions()]
LAST_STAGE = ALL[max(i for i, one in enumerate(ALL) if one.name == "FROM") :]


def last(name: str) -> Instruction:
    return [one for one in LAST_STAGE if one.name == name][-1]


def test_every_instruction_of_the_image_is_one() -> None:
    known = {"ARG", "CMD", "COPY", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "RUN", "USER", "VOLUME", "WORKDIR"}
    assert {one.name for one in ALL} <= known
    assert ALL[0].name == "FROM"


def test_the_image_is_slim_and_nobody_in_it_is_root() -> None:
    assert [one.text.split()[0] for one in ALL if one.name == "FROM"] == ["python:3.11-slim"] * 2
    user = last("USER").text
    assert user not in ("root", "0")
    made = next(one for one in LAST_STAGE if one.name == "RUN" and "useradd" in one.text)
    assert LAST_STAGE.index(made) < LAST_STAGE.index(last("USER"))
    assert made.text.split("&&")[0].split()[-1] == user
    assert f"--owner={user} {last('VOLUME').text}" in made.text


def test_the_image_keeps_all_that_lasts_in_its_volume() -> None:
    kept = dict(word.split("=", 1) for word in shlex.split(last("ENV").text))
    names = ("MAML_RUNS", "MAML_SWEEPS", "MAML_DATA")
    assert {Path(kept[name]).parent.as_posix() for name in names} == {last("VOLUME").text}
    # Each is read: a variable that nobody knows would leave its data in the container.
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "maml_core").rglob("*.py"))
    assert [name for name in (*names, "MAML_COMPILED") if f'"{name}"' not in sources] == []


def test_the_image_copies_what_is_there_and_all_that_is_installed() -> None:
    copied = [word for one in ALL if one.name == "COPY" and "--from" not in one.text for word in one.text.split()[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    packages = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {name.rstrip("*").replace(".", "/") for name in packages} <= set(copied)
    assert {"pyproject.toml", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]} <= set(copied)


def test_the_image_takes_the_torch_of_the_project() -> None:
    [torch] = [each for each in PROJECT["project"]["dependencies"] if each.startswith("torch")]
    assert [f'"{torch}"' in one.text for one in ALL if "TORCH_INDEX" in one.text and one.name == "RUN"] == [True]
    assert f'"{torch}"' in README


def test_the_images_health_is_looked_at_where_its_command_listens() -> None:
    port = last("EXPOSE").text
    command = last("CMD").command
    assert command[command.index("--port") + 1] == port
    assert f"http://127.0.0.1:{port}/_stcore/health" in last("HEALTHCHECK").text
    assert [*last("HEALTHCHECK").command[:2], command[0]] == ["python", "-c", "maml"]


def test_a_cloud_installs_what_the_project_needs() -> None:
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == PROJECT["project"]["dependencies"]


def test_a_development_container_does_what_the_readme_says() -> None:
    start, again = blocks(README, "")[0].strip(), CONTAINER["postAttachCommand"]
    activate, _, page = again.partition(" && ")
    assert f"{CONTAINER['postCreateCommand']} && {page}" == start
    assert activate in start
    assert f"`{again}`" in README
    assert re.fullmatch(r"python:3\.\d+", CONTAINER["image"])
    assert CONTAINER["forwardPorts"] == [8501]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project as a cloud has it: cloned, and not installed."""
    folder = tmp_path_factory.mktemp("cloud")
    for part in ("maml_core", "dashboard", "assets/pretrained"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def cloud_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has what the project needs, and not the project."""
    return new_environment(tmp_path_factory.mktemp("environment"))


OVERRIDDEN = {
    "STREAMLIT_SERVER_HEADLESS": "true",
    "STREAMLIT_SERVER_ENABLE_CORS": "false",
    "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION": "false",
    "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "poll",
    "STREAMLIT_SERVER_RUN_ON_SAVE": "true",
    "STREAMLIT_CLIENT_TOOLBAR_MODE": "auto",
    "STREAMLIT_RUNNER_POST_SCRIPT_GC": "true",
}
"""What a platform may set otherwise than the project does, beside address and port."""


@pytest.mark.slow
def test_a_clone_that_nobody_installed_trains_on_a_small_server_whose_settings_are_others(
    checkout: Path, cloud_python: Path, tmp_path: Path
) -> None:
    found = subprocess.run(
        [cloud_python, "-I", "-c", "import torch, maml_core"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "No module named 'maml_core'" in found.stderr
    kept = {name: str(tmp_path / name) for name in ("MAML_RUNS", "MAML_SWEEPS", "MAML_DATA", "MAML_COMPILED")}
    settings = {**OVERRIDDEN, **kept, "MAML_SMALL": "1", "PYTHONPATH": ""}
    server = Server(settings=settings, repository=checkout, address="0.0.0.0", python=(str(cloud_python), "-P"))
    try:
        host = f"127.0.0.1:{server.port}"
        proxied = {"Origin": "https://class.example", "X-Forwarded-For": "192.0.2.1"}
        with session(host, headers=proxied) as token, protocol_client(host, token, headers=proxied) as page:
            page.receive_until("state")
            page.send(type="play")
            while page.receive(60.0).get("step", 0) < 3:
                pass
        assert len(server.workers()) == 1
    finally:
        assert server.stop() == []
