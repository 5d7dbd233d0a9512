"""What the form of a sweep says: a base, axes as people write them, and how to go about it. Nothing here imports streamlit."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dashboard.setups import limits
from dashboard.setups.setting_names import SWEEP_LABELS, title
from dashboard.setups.sweep_axes import Offer, is_offer, offers
from maml_core.config import ConvConfig, RunConfig
from maml_core.errors import ConfigError
from maml_core.presets import PRESETS
from maml_core.sweeps.axes import Axis, axis_from_text
from maml_core.sweeps.axes import axis_text as whole_axis_text
from maml_core.sweeps.budget import groups
from maml_core.sweeps.definition import SweepConfig
from maml_core.values import quoted, written

LIVE = "The live run's settings"
"""The base that is not a preset."""

OWN = "The set-up of the opened sweep"
"""The base that a sweep brings along which is of neither."""

MAX_SETTINGS = 4096
"""What a page can show and its table can hold."""

SAMPLERS: Mapping[str, str] = {
    "grid": "Grid",
    "random": "Random",
    "sobol": "Sobol",
    "tpe": "TPE",
}


GRID_ORDERS: Mapping[str, str] = {"coarse": "Coarse to fine", "plain": "Row by row"}


class Range(NamedTuple):
    """Evenly spaced values on a logarithmic scale."""

    low: float
    high: float
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The form as it stands; whether it makes a sweep is another question."""

    base: str = LIVE
    axes: tuple[str, ...] = ("alpha", "beta")
    """Fields, in the order of the map: across, up, then the others."""
    ranges: Mapping[str, Range] = field(default_factory=dict)
    lists: Mapping[str, str] = field(default_factory=dict)
    """Values with commas between them."""
    others: str = ""
    """Further axes as the command line writes them, with semicolons between them: any field, and on which condition."""
    sampler: str = "grid"
    grid_order: str = "coarse"
    num_settings: int = 64
    num_seeds: int = 1
    num_steps: int = 300
    num_rungs: int = 6
    prune_percent: int = 0
    name: str = ""
    scheduler: str = ""
    """Address of a Dask scheduler whose workers compute it; empty for the server's own."""
    storage: str = ""
    """URL of a database that keeps it; empty for a folder."""
    own_base: RunConfig | None = None
    """What the base `OWN` is: the set-up of a sweep that was opened."""


MOST = 2**53 - 1
"""The largest number that a page's fields show."""
_NUMBERS = ("num_settings", "num_seeds", "num_steps", "num_rungs", "prune_percent")
_TEXTS = ("base", "sampler", "grid_order", "others", "name")


def form_text(draft: Draft) -> str:
    """What an address says of a form, so that a reload finds it: where it differs from the first one; empty where it does not. Where a
    sweep is kept and computed is nobody else's business, and stays out.

    >>> form_text(Draft(num_steps=100))
    '{"num_steps":100}'
    """
    first, said = Draft(), {}
    for name in (*_TEXTS, *_NUMBERS, "axes", "ranges", "lists"):
        value = getattr(draft, name)
        if value != getattr(first, name) and value != OWN:
            said[name] = value
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")) if said else ""


def read_form(text: str) -> Draft:
    """The form that an address says; what is not understood is as in the first one.

    >>> read_form('{"num_steps":100,"axes":["alpha"]}') == Draft(num_steps=100, axes=("alpha",))
    True
    """
    try:
        said = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        said = {}
    if not isinstance(said, dict):
        return Draft()
    found: dict[str, Any] = {name: said[name] for name in _NUMBERS if _is_whole(said.get(name))}
    if not 0 <= found.get("prune_percent", 0) <= 90:
        del found["prune_percent"]
    found |= {name: said[name] for name in _TEXTS if isinstance(said.get(name), str)}
    if found.get("base", LIVE) not in bases(Draft()):
        del found["base"]
    for name, known in (("sampler", SAMPLERS), ("grid_order", GRID_ORDERS)):
        if name in found and found[name] not in known:
            del found[name]
    axes, ranges, lists = said.get("axes"), said.get("ranges"), said.get("lists")
    if isinstance(axes, list) and all(isinstance(name, str) and is_offer(name) for name in axes):
        found["axes"] = tuple(dict.fromkeys(axes))
    if isinstance(ranges, dict):
        found["ranges"] = {
            name: Range(float(values[0]), float(values[1]), values[2])
            for name, values in ranges.items()
            if is_offer(name) and _is_range(values)
        }
    if isinstance(lists, dict):
        found["lists"] = {name: text for name, text in lists.items() if is_offer(name) and isinstance(text, str)}
    return Draft(**found)


def _is_range(values: object) -> bool:
    """Whether something is what JSON makes of a `Range`."""
    if not isinstance(values, list) or len(values) != 3 or not _is_whole(values[2]):
        return False
    return all(_is_whole(value) or (isinstance(value, float) and abs(value) <= MOST) for value in values[:2])


def _is_whole(value: object) -> bool:
    """Whether something is a whole number that a field of a page can show."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST


def bases(draft: Draft) -> list[str]:
    """What the form offers as a base."""
    return [LIVE, *([OWN] if draft.own_base is not None else []), *(preset.name for preset in PRESETS)]


def base_of(draft: Draft, live: RunConfig) -> RunConfig:
    """The set-up that the axes vary."""
    if draft.base == OWN and draft.own_base is not None:
        return draft.own_base
    return next((preset.config for preset in PRESETS if preset.name == draft.base), live)


def offered(base: RunConfig) -> dict[str, Offer]:
    """The axes that a base has, by their fields."""
    return {offer.name: offer for offer in offers(base)}


def other_axes(base: RunConfig) -> str:
    """Axes that the form does not offer, as an example of what may be typed: of fields that the base has, and on the same held-out tasks."""
    if isinstance(base.model, ConvConfig):
        return "num_layers=2,3,4; downsample=stride,max_pool"
    return "depth=1,2,3; activation=relu,tanh"


def default_range(offer: Offer) -> Range:
    """What the form of a range begins with."""
    low, high, points = offer.start.split(",")
    return Range(float(low), float(high), int(points))


def axis_text(draft: Draft, offer: Offer) -> str:
    """An axis as the command line writes it.

    >>> axis_text(Draft(), offered(RunConfig())["alpha"])
    'alpha=0.003..0.3:log:8'
    """
    if not offer.is_range:
        return f"{offer.name}={draft.lists.get(offer.name, offer.start)}"
    low, high, points = draft.ranges.get(offer.name) or default_range(offer)
    count = f":{points}" if draft.sampler == "grid" else ""
    return f"{offer.name}={written(low)}..{written(high)}:log{count}"


def refusal(error: ConfigError) -> str:
    """Why a form is not accepted, with its fields called as beside them.

    >>> refusal(ConfigError("num_steps", 0, "a whole number from 1 to 10000000"))
    'Outer steps = 0 is not accepted: a whole number from 1 to 10000000.'
    """
    return f"{SWEEP_LABELS.get(error.field, title(error.field))} = {quoted(error.value)} is not accepted: {error.accepted}."


def draft_of(sweep: SweepConfig, name: str, live: RunConfig) -> Draft | None:
    """The form that stands for a sweep; None where a form cannot say it.

    Args:
        sweep: One that is shown.
        name: Of its study.
        live: The live run's settings, which may be its base.
    """
    preset = next((preset.name for preset in PRESETS if preset.config == sweep.base), None)
    known = offered(sweep.base)
    # From the first that the form has no fields for on they are written as text: their order is that of the settings.
    plain = list(itertools.takewhile(lambda axis: _has_fields(axis, known), sweep.axes))
    draft = Draft(
        base=LIVE if sweep.base == live else preset or OWN,
        own_base=sweep.base if sweep.base != live and preset is None else None,
        axes=tuple(axis.name for axis in plain),
        ranges={axis.name: _range_of(axis) for axis in plain if axis.log},
        lists={axis.name: ", ".join(written(value) for value in axis.values) for axis in plain if not axis.log},
        others="; ".join(whole_axis_text(axis) for axis in sweep.axes if axis not in plain),
        sampler=sweep.sampler,
        grid_order=sweep.grid_order,
        num_settings=sweep.num_settings,
        num_seeds=sweep.num_seeds,
        num_steps=sweep.num_steps,
        num_rungs=sweep.num_rungs,
        prune_percent=round(100 * sweep.prune),
        name=name,
    )
    try:
        return draft if sweep_of(draft, live) == sweep else None
    except ConfigError:
        return None


def _has_fields(axis: Axis, known: Mapping[str, Offer]) -> bool:
    return axis.name in known and not axis.only_with and known[axis.name].is_range == axis.log


def _range_of(axis: Axis) -> Range:
    low, high = (axis.values[0], axis.values[-1]) if axis.values else axis.ends
    return Range(float(low), float(high), len(axis.values) or 8)  # type: ignore[arg-type]  # a log axis has numbers


def sweep_of(draft: Draft, live: RunConfig) -> SweepConfig:
    """The sweep that a form stands for.

    Args:
        draft: The form.
        live: The live run's settings, which may be the base.

    Raises:
        ConfigError: It is not accepted; says what, and what to do.
    """
    base = base_of(draft, live)
    known = offered(base)
    others = [text for text in draft.others.split(";") if text.strip()]
    if not (draft.axes or others):
        raise ConfigError("axes", "none", "choose at least one axis to sweep")
    sweep = SweepConfig(
        base=base,
        axes=(
            *(axis_from_text(axis_text(draft, known[name]), base) for name in draft.axes if name in known),
            *(axis_from_text(text.strip(), base) for text in others),
        ),
        sampler=draft.sampler,  # type: ignore[arg-type]  # checked by it
        grid_order=draft.grid_order,  # type: ignore[arg-type]
        num_settings=draft.num_settings,
        num_seeds=draft.num_seeds,
        num_steps=draft.num_steps,
        num_rungs=min(draft.num_rungs, draft.num_steps),
        prune=draft.prune_percent / 100.0,
    )
    check_size(sweep)
    return sweep


def check_size(sweep: SweepConfig) -> None:
    """Refuse a sweep of more trainings than a page computes.

    Raises:
        ConfigError: It is one.
    """
    if sweep.num_lanes > MAX_SETTINGS:
        accepted = f"at most {MAX_SETTINGS:,} settings times seeds on the page; `maml sweep` takes more"
        raise ConfigError("settings", f"{sweep.num_lanes:,}", accepted)


def check_work(sweep: SweepConfig) -> None:
    """Refuse settings that a page could not open as a live run.

    Raises:
        ConfigError: One of them is too large.
    """
    for group in groups(sweep).values():
        limits.check(group.configs[0])


def suggested_name(draft: Draft, taken: Collection[str]) -> str:
    """A name that is not taken.

    >>> suggested_name(Draft(), {"alpha-beta-1"})
    'alpha-beta-2'
    """
    names = [*draft.axes, *(text.partition("=")[0].strip() for text in draft.others.split(";") if "=" in text)]
    stem = re.sub(r"[^\w-]", "", "-".join(name.rpartition(".")[2].replace("_", "-") for name in names))[:60] or "sweep"
    return next(name for name in (f"{stem}-{i}" for i in range(1, len(taken) + 2)) if name not in taken)


def with_base(draft: Draft, base: RunConfig) -> Draft:
    """The draft without axes that its base does not have."""
    known = offered(base)
    return dataclasses.replace(draft, axes=tuple(name for name in draft.axes if name in known))
