"""The sidebar of the sensitivity screen: what to sweep, what that will take, and the sweeps that there are."""

from __future__ import annotations

import dataclasses
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.live.server import get_hub
from dashboard.sweeps import places
from dashboard.sweeps.axes import Offer
from dashboard.sweeps.form import (
    LIVE,
    SAMPLERS,
    Draft,
    Range,
    base_of,
    check_work,
    default_range,
    offered,
    suggested_name,
    sweep_of,
    with_base,
)
from dashboard.sweeps.places import Storage
from maml_core.config import RunConfig
from maml_core.errors import ClusterError, ConfigError, StoreError
from maml_core.presets import PRESETS
from maml_core.sweeps.space import SweepConfig, fingerprint

_STORAGE, _SCHEDULER, _CHOSEN, _BUDGET, _SAID = (
    "sweep.storage",
    "sweep.scheduler",
    "sweep.chosen",
    "sweep.budget",
    "sweep.said",
)
MEASURE_S = 2.5
"""How long the page waits for a measured step before it draws on."""


def sweep_sidebar(token: str) -> None:
    """Draw the sidebar for a page."""
    hub = get_hub()
    live = hub.config(token) or RunConfig()
    place = place_of(token)
    draft = _form(live, state.draft(), place)
    state.keep_draft(draft)
    sweep, refusal = None, ""
    try:
        sweep = sweep_of(draft, live)
        check_work(sweep)
    except ConfigError as error:
        sweep, refusal = None, f"{error}."
    if refusal:
        st.warning(state.plain(refusal), icon=":material/block:")
    room = st.empty()
    name = draft.name.strip() or suggested_name(draft, _names(place))
    pressed = st.button(
        "Start",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=sweep is None or place is None,
        help="Trains every setting. What is finished stays, whatever happens; a sweep of the same name and settings goes on.",
        key="sweep.start",
    )
    if pressed and sweep is not None and place is not None:
        _start(token, sweep, name, place)
    _show_said()
    _earlier(token, place)
    if not state.is_shared():
        with st.popover("Past one machine", icon=":material/lan:", width="stretch"):
            _past_one_machine()
    if sweep is not None:
        room.caption(_budget(sweep))


def place_of(token: str) -> Storage | None:
    """Where this page's sweeps are kept; None while a shared server does not know the tab."""
    if not state.is_shared():
        return places.own_place(str(st.session_state.get(_STORAGE, "")))
    tab = get_hub().tab(token)
    return places.shared_place(tab, get_hub().workspace(token)) if tab is not None else None


def _form(live: RunConfig, before: Draft, place: Storage | None) -> Draft:
    base_name = _kept(
        st.selectbox,
        "base",
        before.base,
        "Base set-up",
        [LIVE, *(preset.name for preset in PRESETS)],
        help="What every setting shares, but for the axes.",
    )
    base = base_of(dataclasses.replace(before, base=base_name), live)
    known = offered(base)
    draft = with_base(dataclasses.replace(before, base=base_name), base)
    axes = _kept(
        st.multiselect,
        "axes",
        list(draft.axes),
        "Axes",
        list(known),
        format_func=lambda name: known[name].label,
        placeholder="Choose what varies ...",
        help="The first goes across the map, the second up.",
    )
    ranges, lists = dict(draft.ranges), dict(draft.lists)
    for name in axes:
        offer = known[name]
        if offer.is_range:
            ranges[name] = _range(
                offer,
                ranges.get(name) or default_range(offer),
                is_grid=st.session_state.get("sweep.sampler", before.sampler) == "grid",
            )
        else:
            lists[name] = _list(offer, lists.get(name, offer.start))
    left, right = st.columns(2)
    with left:
        num_steps = _kept(
            st.number_input, "num_steps", before.num_steps, "Outer steps", 1, 1_000_000, help="Of every setting."
        )
    with right:
        num_seeds = _kept(
            st.number_input,
            "num_seeds",
            before.num_seeds,
            "Seeds",
            1,
            100,
            help="Each setting is trained from so many seeds; the interval is then over seeds.",
        )
    sampler = _kept(
        st.selectbox,
        "sampler",
        before.sampler,
        "Sampler",
        list(SAMPLERS),
        format_func=SAMPLERS.__getitem__,
        help="Grid: all combinations. Random and Sobol (even coverage) draw settings, TPE draws where it is good.",
    )
    num_settings = before.num_settings
    if sampler != "grid":
        num_settings = _kept(st.number_input, "num_settings", num_settings, "Settings to draw", 1, 4096)
    with st.popover("Rungs and pruning", icon=":material/tune:", width="stretch"):
        num_rungs = _kept(
            st.number_input,
            "num_rungs",
            before.num_rungs,
            "Rungs",
            1,
            50,
            help="How often a setting is judged on the held-out tasks: the points of its curve.",
        )
        prune = _kept(
            st.slider,
            "prune_percent",
            before.prune_percent,
            "Prune at each rung",
            0,
            90,
            step=5,
            format="%d%%",
            help="The share of the settings that stops at each rung but the last: the worst.",
        )
    name = _kept(
        st.text_input,
        "name",
        before.name,
        "Name",
        max_chars=80,
        placeholder=suggested_name(dataclasses.replace(draft, axes=tuple(axes)), _names(place)),
        help="Of the sweep and of its folder. Empty: the name that is shown.",
    )
    return Draft(
        base=base_name,
        axes=tuple(axes),
        ranges=ranges,
        lists=lists,
        sampler=sampler,
        num_settings=num_settings,
        num_seeds=num_seeds,
        num_steps=num_steps,
        num_rungs=num_rungs,
        prune_percent=prune,
        name=name,
    )


def _kept(widget: Any, field: str, value: Any, *arguments: Any, **options: Any) -> Any:
    """A widget that shows what the draft has, also after another screen was looked at."""
    key = f"sweep.{field}"
    if key not in st.session_state:
        st.session_state[key] = value
    return widget(*arguments, key=key, **options)


def _range(offer: Offer, value: Range, *, is_grid: bool) -> Range:
    st.caption(offer.label)
    low, high, points = st.columns([3, 3, 2] if is_grid else [3, 3, 0.01])
    hidden = {"label_visibility": "collapsed"}
    numbers: dict[str, Any] = {"format": "%g", "step": 0.001, **hidden}
    with low:
        start = _kept(st.number_input, f"{offer.name}.low", value.low, f"{offer.symbol} from", **numbers)
    with high:
        end = _kept(st.number_input, f"{offer.name}.high", value.high, f"{offer.symbol} to", **numbers)
    if not is_grid:
        return Range(start, end, value.points)
    with points:
        count = _kept(st.number_input, f"{offer.name}.points", value.points, f"{offer.symbol} points", 1, 200, **hidden)
    return Range(start, end, count)


def _list(offer: Offer, text: str) -> str:
    help = (
        f"Values with commas between them, of {', '.join(offer.choices)}."
        if offer.choices
        else "Values with commas between them."
    )
    return str(_kept(st.text_input, f"{offer.name}.list", text, offer.label, help=help))


def _names(place: Storage | None) -> list[str]:
    try:
        return places.names(place) if place is not None else []
    except (ConfigError, StoreError):
        return []  # said where the sweeps are listed


def _budget(sweep: SweepConfig) -> str:
    """What it will take; measured once for a sweep."""
    key = fingerprint(sweep)
    known: dict[str, str] = st.session_state.setdefault(_BUDGET, {})
    if key not in known:
        found = places.estimate(get_hub(), sweep, MEASURE_S)
        if found.seconds != found.seconds:  # not measured yet: another rerun asks again
            return f"**{found}**"
        known.clear()
        known[key] = str(found)
    return f"**{known[key]}**"


def _start(token: str, sweep: SweepConfig, name: str, place: Storage) -> None:
    try:
        scheduler = "" if state.is_shared() else str(st.session_state.get(_SCHEDULER, ""))
        places.start(get_hub(), token, sweep, name, place, is_limited=state.is_shared(), scheduler=scheduler)
    except (ClusterError, ConfigError, StoreError) as error:
        _say(f"{error}.")
    else:
        st.query_params["sweep"] = name


def _say(sentence: str) -> None:
    st.session_state[_SAID] = sentence


def _show_said() -> None:
    if sentence := st.session_state.pop(_SAID, ""):
        st.error(state.plain(sentence))


def _earlier(token: str, place: Storage | None) -> None:
    popover = st.popover(
        "Earlier sweeps", icon=":material/history:", width="stretch", key="sweep.earlier", on_change="rerun"
    )
    if not popover.open:
        return
    with popover:
        if place is None:
            st.caption("The page is still connecting; open this again in a moment.")
            return
        try:
            names = places.names(place)
        except (ConfigError, StoreError) as error:
            st.error(state.plain(f"{error}."))
            return
        if not names:
            st.caption("None yet.")
            return
        name = st.selectbox("Sweep", names, key=_CHOSEN)
        left, right = st.columns(2)
        left.button("Open", key="sweep.open", width="stretch", on_click=_attempt, args=(_open, token, name, place))
        right.button(
            "Delete",
            key="sweep.delete",
            width="stretch",
            on_click=_attempt,
            args=(_delete, token, name, place),
            help="For good: the study and its curves.",
        )


def _attempt(action: Any, token: str, name: str, place: Storage) -> None:
    try:
        action(token, name, place)
    except (ConfigError, StoreError) as error:
        _say(f"{error}.")


def _open(token: str, name: str, place: Storage) -> None:
    places.open_sweep(get_hub(), token, name, place)
    st.query_params["sweep"] = name


def _delete(_token: str, name: str, place: Storage) -> None:
    places.delete(get_hub(), name, place)
    st.session_state.pop(_CHOSEN, None)


def _past_one_machine() -> None:
    _kept(
        st.text_input,
        "scheduler",
        "",
        "Scheduler",
        placeholder="this machine's own workers",
        help="Address of a Dask scheduler, such as tcp://host:8786: its workers then compute the sweep. Live runs stay here.",
    )
    _kept(
        st.text_input,
        "storage",
        "",
        "Storage URL",
        placeholder="a folder on this machine",
        help="A database that several machines write one sweep to, such as postgresql://user@host/sweeps. Empty: a folder.",
    )
