"""The recipe for a chart of `dashboard/README.md`, followed to the letter in a copy: the new one is filled, explained and sent like all others."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.copies import copied, pytest_in

pytestmark = pytest.mark.slow

LOOK = """
import json, struct
from dashboard.charts.all import charts_of, figures_json
from dashboard.live.chart_data import looks
from dashboard.live.frames import FrameMaker
from tests.dashboard.live.driver import TINY, Driver

driver = Driver(TINY).opened()
frame = FrameMaker().look(driver.run, driver.viewer, {}).frame()
header = json.loads(frame[4 : 4 + struct.unpack_from("<I", frame)[0]])
figures = figures_json(looks(TINY, driver.run.levels))
print(json.dumps({
    "charts": charts_of(TINY),
    "arrays": [place[:3] + place[4:] for place in header["arrays"] if place[0] == "worse"],
    "subtitle": header["subtitles"]["worse"],
    "meta": figures["light"]["worse"]["layout"]["meta"],
}))
"""


def follow(place: Path) -> Path:
    """A copy of the project in which somebody has done what the recipe says, and no more."""
    place = copied(place)
    recipe = (place / "dashboard" / "README.md").read_text(encoding="utf-8").partition("**A new chart**")[2]
    chart, lines = re.findall(r"^```python\n(.*?)^```$", recipe, flags=re.DOTALL | re.MULTILINE)
    file, listing = re.findall(r"`(dashboard/charts/\w+\.py)`", recipe)[:2]
    (place / file).write_text(chart, encoding="utf-8")
    importing, naming = (line for line in lines.splitlines() if line)
    listed = (place / listing).read_text(encoding="utf-8")
    listed = re.sub(r"^CHARTS: .*$", naming, listed, count=1, flags=re.MULTILINE)
    listed = listed.replace("\nfrom dashboard.theme", f"\n{importing}\nfrom dashboard.theme", 1)
    assert listed.count(importing) == listed.count(naming) == 1
    (place / listing).write_text(listed, encoding="utf-8")
    layers = (place / "pyproject.toml").read_text(encoding="utf-8")
    assert layers.count(" | sweep_pins") == 1
    (place / "pyproject.toml").write_text(layers.replace(" | sweep_pins", " | sweep_pins | worse"), encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return follow(tmp_path_factory.mktemp("chart"))


def test_it_is_on_the_page_filled_by_name_and_explained(followed: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], cwd=followed, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (told,) = (json.loads(line) for line in done.stdout.splitlines())
    assert told["charts"] == ["loss", "fit", "adaptation", "worse", "path", "gauge"]
    assert told["arrays"] == [["worse", "share", "x", 3], ["worse", "share", "y", 3]]
    assert told["subtitle"].startswith("After 2 inner steps: ")
    assert told["meta"]["traces"] == ["share"]
    assert list(told["meta"]["help"]["legend"]) == ["got worse"]


@pytest.mark.thorough
def test_what_holds_of_all_charts_holds_of_it(followed: Path) -> None:
    done = pytest_in(
        *(followed, "tests/dashboard/charts", "tests/dashboard/live/test_frames.py", "tests/maml_core/test_layers.py"),
        *("-k", "worse or Layout or every_chart_is or every_file or test_layers or legend_entry or TestWhatChanged"),
    )
    assert done.failed == (), done.output
    assert len(done.passed) > 10
