"""Every setting has its names in one table, `dashboard/setups/setting_names.py`: one that is forgotten there fails by its name, and so does a file
that calls a setting in words of its own.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from dashboard.charts.glossary import DIALS
from dashboard.charts.results import Learner
from dashboard.charts.symbols import in_greek
from dashboard.setups import address, setting_names
from dashboard.setups.setting_names import NO_FIELDS, SETTING_NAMES, SWEEP_LABELS, name_of, noted, symbol, title
from dashboard.setups.settings import SETTINGS, slider_ranges
from dashboard.setups.sweep_axes import offers
from maml_core.config import CHANGEABLE, ImageConfig, RunConfig
from maml_core.errors import ConfigError
from maml_core.field_names import field_name
from maml_core.presets import PRESETS
from maml_core.settings import hints_of, members_of
from maml_core.sweeps.axes import axis_from_text
from maml_core.sweeps.definition import SweepConfig

DASHBOARD = Path(setting_names.__file__).parents[1]

FILES_ALONE = {
    *("adam_betas", "adam_eps", "norm_momentum", "dtype"),
    *("evaluation_seed", "evaluation_tasks", "evaluate_every"),
    *("weights_seed", "tasks_seed"),  # the page has one seed for both
    *("batch_norm_treatment", "batch_norm", "use_bias", "norm"),  # the page has one choice of the norm
    *("folder", "size", "color", "split_seed", "validation_classes", "test_classes"),  # asked for with the images
}
"""Fields that the sidebar has no widget for: files and the command line set them, or one widget stands for several of them."""


def _fields() -> list[str]:
    """Every field of a set-up, of its networks and its families of images; a family of curves may have any ranges of its own."""
    hints = hints_of(RunConfig)
    owners: list[Any] = [RunConfig, *members_of(hints["model"]), *members_of(ImageConfig)]
    names = {f.name for owner in owners for f in dataclasses.fields(owner)}
    return sorted(names - {"kind", "tasks"} - FILES_ALONE)


@pytest.mark.parametrize("field", _fields())
def test_every_setting_has_a_label_and_a_symbol(field: str) -> None:
    name = name_of(field)
    assert name is not None, f"{field} has no name in setting_names.py"
    assert name.label.strip() == name.label != ""
    assert title(field) == name.label
    assert symbol(field) == (name.symbol or field.replace("_", " "))
    assert noted(field) == (name.note or symbol(field))


@pytest.mark.parametrize("field", sorted({*SETTINGS, *slider_ranges(RunConfig()), *CHANGEABLE}))
def test_what_the_page_sets_is_called_something(field: str) -> None:
    assert SETTING_NAMES[field].label


def test_no_name_is_of_nothing() -> None:
    axes = {offer.name.rpartition(".")[2] for preset in PRESETS for offer in offers(preset.config)}
    assert SETTING_NAMES.keys() == SETTINGS.keys() | slider_ranges(RunConfig()).keys() | axes
    assert SETTINGS.keys() >= NO_FIELDS
    assert SWEEP_LABELS.keys() <= {f.name for f in dataclasses.fields(SweepConfig)}


def test_no_two_settings_are_called_the_same() -> None:
    labels = [name.label for name in SETTING_NAMES.values()]
    assert len(set(labels)) == len(labels)
    axes = [offer.symbol for preset in PRESETS for offer in offers(preset.config)]
    assert len(set(axes)) == len({offer.name for preset in PRESETS for offer in offers(preset.config)})


def test_dials_say_what_their_symbols_stand_for() -> None:
    spoken = {field for field, name in SETTING_NAMES.items() if name.role}
    assert spoken == DIALS.keys() == slider_ranges(RunConfig()).keys()
    assert all(f"{name.symbol} ({name.role})" == name.label for name in SETTING_NAMES.values() if name.role)


SHARED = {
    **{"a": "alpha", "n": "num_inner_steps", "b": "beta", "o": "order", "u": "outer_optimizer", "c": "clip_norm"},
    **{"r": "recompute", "k": "shots", "q": "num_query", "m": "meta_batch_size", "e": "evaluation_steps"},
    **{"j": "joint_baseline", "y": "oracle_baseline"},
}
"""The letters in addresses that people have shared."""


def test_what_may_change_has_a_letter_and_shared_addresses_keep_theirs() -> None:
    codes = {field: name.code for field, name in SETTING_NAMES.items() if name.code}
    assert codes.keys() == CHANGEABLE, "every changeable field needs a letter of an address, and no other has one"
    assert {code: field for field, code in codes.items()}.items() >= SHARED.items()
    assert len(set(codes.values())) == len(codes)
    assert all(len(code) == 1 for code in codes.values())
    assert codes == address.CODES


LABELS = {*(name.label for name in SETTING_NAMES.values()), *SWEEP_LABELS.values()}
ROLES = {name.role for name in SETTING_NAMES.values() if name.role}

OTHER_THINGS = {"Filters", "Layers", "inner steps"}
"""Words of settings that the page uses of something else: of the first layer's pictures, of a chart, at the head of a table."""

GREEK = {"alpha": "α", "beta": "β"}
"""How the letters of the engine's sentences are written (`charts/symbols.py`)."""


def _texts(source: str) -> Iterator[str]:
    """All strings of a file of Python, docstrings and what stands under a constant left out."""
    tree = ast.parse(source)
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def _tables(source: str) -> Iterator[str]:
    """The settings that a file of Python calls something in a table of its own: field by field, a word or two."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Dict):
            continue
        pairs = [
            (key.value, value.value)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(value, ast.Constant) and isinstance(value.value, str)
        ]
        of_settings = [str(key) for key, value in pairs if key in SETTING_NAMES and len(value) <= 40]
        letters = {key: value for key, value in pairs if key in GREEK} == GREEK and len(of_settings) == len(GREEK)
        learners = {value for _, value in pairs} <= set(get_args(Learner))  # whom a switch lets train
        if len(of_settings) > 1 and not letters and not learners:
            yield from of_settings


PYTHON = sorted(path for path in DASHBOARD.rglob("*.py") if path != Path(setting_names.__file__))


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(DASHBOARD)))
def test_no_other_file_calls_a_setting_in_words_of_its_own(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert (LABELS - OTHER_THINGS).isdisjoint(_texts(source))
    assert list(_tables(source)) == []


@pytest.mark.parametrize(
    "path", sorted((DASHBOARD / "web").rglob("*.js")), ids=lambda path: str(path.relative_to(DASHBOARD))
)
def test_no_script_of_the_page_does(path: Path) -> None:
    texts = set(re.findall(r"""["'`]([^"'`\n]*)["'`]""", path.read_text(encoding="utf-8")))
    assert texts & (LABELS | ROLES) - OTHER_THINGS == set()


def test_a_table_of_ones_own_is_found() -> None:
    source = 'LABELS = {"alpha": "α", "beta": "β", "shots": "points", "moon": "far away"}\nx = f("Clip norm")'
    assert list(_tables(source)) == ["alpha", "beta", "shots"]
    assert set(_texts(source)) & LABELS == {"Clip norm"}


@pytest.mark.parametrize("field", ["alpha", "beta", "proximal", "num_inner_steps", "test_alpha"])
def test_a_name_that_the_page_prints_is_understood_where_people_type_one(field: str) -> None:
    printed = {SETTING_NAMES[field].symbol, SETTING_NAMES[field].note, SETTING_NAMES[field].label.partition(" (")[0]}
    assert {field_name(name) for name in printed - {""}} == {field}


def test_the_example_of_a_refusal_is_accepted_as_the_page_prints_it() -> None:
    with pytest.raises(ConfigError) as refused:
        axis_from_text("foo", RunConfig())
    example = in_greek(str(refused.value)).partition("for example ")[2]
    for text in example.split(" or "):
        assert axis_from_text(text.rstrip("."), RunConfig()).values
