"""The sidebar of the sensitivity screen: what to sweep, what that will take, and the sweeps that there are."""

from __future__ import annotations

import dataclasses
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.live.server import get_hub
from dashboard.sweeps import places
from dashboard.sweeps.axes import Offer, offer_of
from dashboard.sweeps.form import (
    LABELS,
    SAMPLERS,
    Draft,
    base_of,
    bases,
    check_work,
    default_range,
    draft_of,
    offered,
    refusal,
    suggested_name,
    sweep_of,
    with_base,
)
from dashboard.sweeps.places import Storage
from maml_core.config import RunConfig
from maml_core.errors import ClusterError, ConfigError, StoreError
from maml_core.sweeps.space import SweepConfig, fingerprint

_CHOSEN, _BUDGET, _SAID = "sweep.chosen", "sweep.budget", "sweep.said"
MEASURE_S = 2.5
"""How long the page waits for a measured step before it draws on."""


def sweep_sidebar(token: str) -> None:
    """Draw the sidebar for a page."""
    hub = get_hub()
    live = hub.config(token) or RunConfig()
    place = place_of(token)
    _form(live, place)
    draft = state.draft()
    sweep, problem = None, ""
    try:
        sweep = sweep_of(draft, live)
        check_work(sweep)
    except ConfigError as error:
        sweep, problem = None, refusal(error)
    if problem:
        st.warning(state.plain(problem), icon=":material/block:")
    room = st.empty()
    name = draft.name.strip() or suggested_name(draft, _names(place))
    pressed = st.button(
        "Start",
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=sweep is None or place is None,
        key="sweep.start",
    )
    if pressed and sweep is not None and place is not None:
        _start(token, sweep, name, place)
    _show_said()
    _earlier(token, place)
    if not state.is_shared():
        popover = st.popover(
            "Past one machine", icon=":material/lan:", width="stretch", key="sweep.elsewhere", on_change="rerun"
        )
        if popover.open:
            with popover:
                _past_one_machine(draft)
    if sweep is not None:
        room.caption(_budget(sweep))


def place_of(token: str) -> Storage | None:
    """Where this page's sweeps are kept; None while a shared server does not know the tab."""
    if not state.is_shared():
        return places.own_place(state.draft().storage)
    tab = get_hub().tab(token)
    return places.shared_place(tab, get_hub().workspace(token)) if tab is not None else None


def _form(live: RunConfig, place: Storage | None) -> None:
    """The form of the next sweep: its widgets show the draft, and each changes its own part of it."""
    draft = state.draft()
    _select("base", "Base set-up", bases(draft), help="What every setting shares, but for the axes.")
    base = base_of(draft, live)
    known = offered(base)
    draft = with_base(draft, base)
    key = _key("axes")
    st.multiselect(
        "Axes",
        list(known),
        key=key,
        **state.holding(key, list(draft.axes), default="default"),
        on_change=_take,
        args=("axes",),
        format_func=lambda name: known[name].label,
        placeholder="Choose what varies ...",
        help="The first goes across the map, the second up.",
    )
    for name in draft.axes:
        if known[name].is_range:
            _range(draft, known[name])
        else:
            _list(draft, known[name])
    left, right = st.columns(2)
    _count("num_steps", draft.num_steps, where=left, help="Of every setting.")
    _count(
        "num_seeds",
        draft.num_seeds,
        where=right,
        help="Each setting is trained from so many seeds; the interval is then over seeds.",
    )
    _select(
        "sampler",
        "Sampler",
        list(SAMPLERS),
        format_func=SAMPLERS.__getitem__,
        help="Grid: all combinations. Random and Sobol (even coverage) draw settings, TPE draws where it is good.",
    )
    if draft.sampler != "grid":
        _count("num_settings", draft.num_settings)
    popover = st.popover(
        "Rungs and pruning", icon=":material/tune:", width="stretch", key="sweep.rungs", on_change="rerun"
    )
    if popover.open:
        with popover:
            _rungs(draft)
    _text(
        "name",
        draft.name,
        "Name",
        placeholder=suggested_name(draft, _names(place)),
        help="Of the sweep and of its folder. Empty: the name that is shown. A sweep of the same name and settings goes on where it was; "
        "what is finished stays, whatever happens.",
    )


def _rungs(draft: Draft) -> None:
    st.caption(
        "A rung is a look at every setting on the held-out tasks, at equal distances on the way. Pruning stops the worst there, so that the "
        "time goes to the others."
    )
    _count(
        "num_rungs",
        draft.num_rungs,
        help="How often a setting is judged on the held-out tasks: the points of its curve.",
    )
    key = _key("prune_percent")
    st.slider(
        "Prune at each rung",
        0,
        90,
        step=5,
        format="%d%%",
        key=key,
        **state.holding(key, draft.prune_percent),
        on_change=_take,
        args=("prune_percent",),
        help="The share of the settings that stops at each rung but the last: the worst.",
    )


def _key(field: str) -> str:
    return f"sweep.{field}"


def _take(field: str) -> None:
    """Put what a widget says into its part of the draft: a field, or a part of an axis as `alpha.low`."""
    draft, value = state.draft(), st.session_state[_key(field)]
    name, _, part = field.rpartition(".")
    if not name:
        draft = dataclasses.replace(draft, **{field: tuple(value) if field == "axes" else value})
    elif part == "list":
        draft = dataclasses.replace(draft, lists={**draft.lists, name: value})
    else:
        before = draft.ranges.get(name) or default_range(offer_of(name))
        draft = dataclasses.replace(draft, ranges={**draft.ranges, name: before._replace(**{part: value})})
    state.keep_draft(draft)


def _count(field: str, value: int, label: str = "", *, where: Any = st, **options: Any) -> None:
    """A whole number: it takes any, and the sweep says what it does not accept, so that what stands there is what counts."""
    key = _key(field)
    label = label or LABELS[field]
    where.number_input(label, step=1, key=key, **state.holding(key, value), on_change=_take, args=(field,), **options)


def _text(field: str, value: str, label: str, **options: Any) -> None:
    key = _key(field)
    st.text_input(label, key=key, **state.holding(key, value), on_change=_take, args=(field,), **options)


def _select(field: str, label: str, options: list[str], **more: Any) -> None:
    key = _key(field)
    held = state.holding(key, getattr(state.draft(), field), default="index")
    index = {option: options.index(value) for option, value in held.items()}
    st.selectbox(label, options, key=key, **index, on_change=_take, args=(field,), **more)


def _range(draft: Draft, offer: Offer) -> None:
    value = draft.ranges.get(offer.name) or default_range(offer)
    is_grid = draft.sampler == "grid"
    st.caption(offer.label)
    columns = st.columns([3, 3, 2] if is_grid else [1, 1])
    for where, part, number in zip(columns, ("low", "high"), (value.low, value.high), strict=False):
        key = _key(f"{offer.name}.{part}")
        where.number_input(
            f"{offer.symbol} {'from' if part == 'low' else 'to'}",
            format="%g",
            step=0.001,
            key=key,
            **state.holding(key, number),
            on_change=_take,
            args=(f"{offer.name}.{part}",),
        )
    if is_grid:
        _count(f"{offer.name}.points", value.points, f"{offer.symbol} values", where=columns[2])


def _list(draft: Draft, offer: Offer) -> None:
    of = f", of {', '.join(offer.choices)}" if offer.choices else ""
    text = draft.lists.get(offer.name, offer.start)
    _text(f"{offer.name}.list", text, offer.label, help=f"Values with commas between them{of}.")


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
        scheduler = "" if state.is_shared() else state.draft().scheduler
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
        deleted = places.deleted(place)
        if names:
            if st.session_state.get(_CHOSEN) not in names:  # deleted meanwhile
                st.session_state.pop(_CHOSEN, None)
            name = st.selectbox("Sweep", names, key=_CHOSEN)
            left, right = st.columns(2)
            left.button("Open", key="sweep.open", width="stretch", on_click=_attempt, args=(_open, token, name, place))
            right.button(
                "Delete",
                key="sweep.delete",
                width="stretch",
                on_click=_attempt,
                args=(_delete, token, name, place),
                help=None if places.keeps_deleted(place) else "For good: the study and its curves.",
            )
        else:
            st.caption("None yet.")
        if deleted is not None:
            st.button(
                f"Bring back {state.plain(deleted)}",
                icon=":material/undo:",
                type="tertiary",
                key="sweep.restore",
                on_click=_attempt,
                args=(_restore, token, deleted, place),
            )


def _attempt(action: Any, token: str, name: str, place: Storage) -> None:
    try:
        action(token, name, place)
    except (ConfigError, StoreError) as error:
        _say(f"{error}.")


def _open(token: str, name: str, place: Storage) -> None:
    show_sweep(token, name, place)
    st.query_params["sweep"] = name


def show_sweep(token: str, name: str, place: Storage) -> None:
    """Show a sweep on a page, and its settings in the form, as far as a form can say them.

    Raises:
        ConfigError, StoreError: There is none, or it cannot be read.
    """
    hub = get_hub()
    sweep = places.open_sweep(hub, token, name, place)
    draft, before = draft_of(sweep, name, hub.config(token) or RunConfig()), state.draft()
    if draft is not None:
        state.keep_draft(dataclasses.replace(draft, scheduler=before.scheduler, storage=before.storage))


def _delete(_token: str, name: str, place: Storage) -> None:
    places.delete(get_hub(), name, place)
    if st.query_params.get("sweep") == name:
        del st.query_params["sweep"]


def _restore(_token: str, _name: str, place: Storage) -> None:
    st.session_state[_CHOSEN] = places.restore(place)


def _past_one_machine(draft: Draft) -> None:
    st.caption("For sweeps that one machine would take too long for. Both may stay empty.")
    _text(
        "scheduler",
        draft.scheduler,
        "Scheduler",
        placeholder="this machine's own workers",
        help="Address of a Dask scheduler, such as tcp://host:8786: its workers then compute the sweep. Live runs stay here.",
    )
    _text(
        "storage",
        draft.storage,
        "Storage URL",
        placeholder="a folder on this machine",
        help="A database that several machines write one sweep to, such as postgresql://user@host/sweeps. Empty: a folder.",
    )
