"""The sensitivity screen: a sweep in the sidebar, its map in the component, Optuna's plots of what is selected below."""

from __future__ import annotations

import streamlit as st

from dashboard.charts.sweep_optuna import (
    HELP,
    PLOTS,
    OptunaPlot,
    first_among,
    importance_trust,
    objective,
    optuna_figure,
    optuna_table,
    optuna_words,
    study_of,
    why_not,
)
from dashboard.charts.symbols import as_sentence, in_markdown, literal, plain
from dashboard.screens.component import mount_sweeps
from dashboard.screens.shared import links, style
from dashboard.server.start import get_hub
from dashboard.sidebar import state
from dashboard.sidebar.sweep_form import place_of, show_sweep, sweep_sidebar
from dashboard.theme import PALETTES
from maml_core.errors import ConfigError, StoreError

_PLAIN = {"displayModeBar": False}
"""Optuna's plots as the page's own are: without Plotly's toolbar."""


def sensitivity_screen() -> None:
    """Draw the page, or redraw it after a change in the sidebar or of the selection."""
    style()
    token = state.page_token()
    notes = st.container()
    # First: a large sweep takes seconds to open, and the page says so.
    result = mount_sweeps(key="sweeps", token=token, seen=state.times_to_be_seen(), sweep=_named(token))
    _open_from_address(token)
    with notes:
        state.show_notes()
    if result.open is not None:
        _open_live(token, result.open)
    with st.sidebar:
        links()
        sweep_sidebar(token)
    _plots(token, tuple(result.selected or ()))


def _named(token: str) -> str:
    """The sweep that is shown, or that a link or a reload names; empty for none."""
    page = get_hub().sweeps.page(token)
    if page is not None and page.job is not None:
        return page.job.name
    return st.query_params.get(state.SWEEP, "") if place_of(token) is not None else ""


def _open_from_address(token: str) -> None:
    """The sweep that a link or a reload names; the address follows what is shown."""
    page = get_hub().sweeps.page(token)
    if page is not None and page.job is not None:
        if st.query_params.get(state.SWEEP) != page.job.name:
            st.query_params[state.SWEEP] = page.job.name
        return
    name, place = st.query_params.get(state.SWEEP), place_of(token)
    if not name or place is None:
        return
    try:
        show_sweep(token, name, place)
    except (ConfigError, StoreError) as error:
        state.note(literal(as_sentence(error)))
        del st.query_params[state.SWEEP]
        st.rerun()  # the page has room for a sweep that does not come


def _open_live(token: str, number: object) -> None:
    page = get_hub().sweeps.page(token)
    if page is None or page.job is None or number not in {r.number for r in page.job.results}:
        return
    assert isinstance(number, int)
    try:
        config = page.config_of(number)
        get_hub().sweeps.preparation.check_opens(page.job)
    except (ValueError, StoreError) as error:
        state.note(literal(as_sentence(error)))
        return
    state.open_live(config)
    st.switch_page(state.screen("live"))


@st.fragment
def _plots(token: str, selected: tuple[int, ...]) -> None:
    """The one of Optuna's plots that is chosen, of the selected settings or of all where none is; none at first, so that the page is one screen."""
    found = get_hub().sweeps.results_of(token)
    if found is None:
        return
    sweep, results = found
    chosen = [r for r in results if r.number in selected] if len(selected) > 1 else results
    of = f"the {len(chosen)} selected settings" if len(selected) > 1 else "all finished settings"
    with st.container(horizontal=True, vertical_alignment="center", key="optuna"):
        plot: OptunaPlot | None = st.segmented_control(
            "Optuna's plots",
            list(PLOTS),
            format_func=PLOTS.__getitem__,
            key="optuna.plot",
            label_visibility="collapsed",
        )
        first = first_among(chosen, sweep)
        st.caption(f"Optuna's plots, of {of}.{f' {HELP[plot].format(first=first)}' if plot is not None else ''}")
    if plot is None:
        return
    study = study_of(chosen, sweep)
    if reason := why_not(plot, study):
        st.caption(reason)
        return
    palette = PALETTES["dark" if st.context.theme.type == "dark" else "light"]
    figure = optuna_figure(plot, study, palette, objective(sweep, chosen), first)
    st.plotly_chart(figure, key="optuna.chart", theme=None, config=_PLAIN)
    table = optuna_table(plot, figure, study)
    with st.container(horizontal=True, vertical_alignment="center", key="optuna-told"):
        words = optuna_words(table, len(study.trials), first)
        st.caption(f"{words} {in_markdown(plain(importance_trust(sweep, chosen)))}" if plot == "importance" else words)
        with st.popover("Table", key="optuna.table"):
            st.table(table)
