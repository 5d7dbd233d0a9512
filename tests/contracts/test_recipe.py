"""The recipe for a family of curves of `maml_core/README.md`, followed to the letter in a copy: the contracts of all families hold of the new one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.copies import copied, pytest_in

pytestmark = pytest.mark.slow

CONTRACTS = (
    "tests/contracts/test_choices.py",
    "tests/maml_core/test_tasks.py",
    "tests/maml_core/test_public_names.py",
    "tests/maml_core/test_layers.py",
)


def follow(place: Path) -> Path:
    """A copy of the project in which somebody has done what the recipe says, and no more."""
    place = copied(place)
    readme = (place / "maml_core" / "README.md").read_text(encoding="utf-8")
    recipe = readme[readme.index("**A new family of curves**") : readme.index("**New images:**")]
    family, lines = re.findall(r"^```python\n(.*?)^```$", recipe, flags=re.DOTALL | re.MULTILINE)
    file, config = re.findall(r"`(maml_core/[\w/]+\.py)`", recipe)[:2]
    (place / file).write_text(family, encoding="utf-8")
    importing, naming = (line for line in lines.splitlines() if line)
    before = (place / config).read_text(encoding="utf-8")
    after = re.sub(r"^CurveConfig = .*$", naming, before, count=1, flags=re.MULTILINE)
    after = after.replace("\nfrom maml_core.settings", f"\n{importing}\nfrom maml_core.settings", 1)
    assert after.count(importing) == after.count(naming) == 1
    (place / config).write_text(after, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return follow(tmp_path_factory.mktemp("recipe"))


@pytest.mark.thorough
def test_the_contracts_hold_of_the_new_family(followed: Path) -> None:
    done = pytest_in(followed, *CONTRACTS, "-k", "steps or StepsConfig or level_above or config_of_a_run_is_public")
    assert done.failed == (), done.output
    named = {test.partition("[")[0].rpartition("::")[2] for test in done.passed if "steps" in test}
    assert named >= {
        "test_an_address_and_a_file_say_it",
        "test_the_sidebar_shows_it",
        "test_it_trains_on_the_page",
        "test_it_is_saved_resumed_evaluated_and_exported",
        "test_it_is_swept_and_costed",
        "test_fewer_shots_are_a_prefix_of_more",
    }


def test_it_is_a_choice_in_the_sidebar_and_an_option(followed: Path) -> None:
    code = (
        "from dashboard.setups.choices import FAMILY_NAMES\n"
        "from typer.testing import CliRunner\nfrom maml_core.cli import app\n"
        "assert list(FAMILY_NAMES.items())[2] == ('steps', 'Steps')\n"
        "told = CliRunner().invoke(app, ['train', '--tasks', 'steps', '--height', '2,4', '--dry-run']).stdout\n"
        "import json; assert json.loads(told)['tasks']['height'] == [2.0, 4.0], told\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=followed, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
