"""The sidebar: everything of a set-up but alpha, beta and N, which people drag and which therefore live in the component.

Each widget sends its own setting when it changes; what cannot change while a run trains says that it restarts. A popover's widgets are on
the page while it is open, and only then.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.charts.symbols import as_sentence, in_markdown, plain
from dashboard.server.start import get_hub
from dashboard.setups.algorithms import (
    HEADS,
    NAMES,
    NORMS,
    NormSwitch,
    Switch,
    heads_of,
    norms_of,
    why_no_order,
    why_not,
)
from dashboard.setups.choices import FAMILIES, FAMILY_NAMES, with_tasks
from dashboard.setups.limits import why_no_images
from dashboard.setups.own_code import server_code
from dashboard.setups.pretrained import Pretrained, pretrained
from dashboard.sidebar import images, state
from dashboard.sidebar.fields import Fields
from dashboard.sidebar.saved_runs import runs
from maml_core.config import (
    ConvConfig,
    GlyphsConfig,
    ImageConfig,
    MLPConfig,
    OmniglotConfig,
    PythonConfig,
    RunConfig,
    SinusoidConfig,
    learns_rates,
)
from maml_core.errors import ConfigError, StoreError
from maml_core.presets import PRESETS, Preset
from maml_core.store import load_run
from maml_core.traits import TRAITS
from maml_core.wording import counted

PYTHON = "python"
"""What a problem of one's own is called among the tasks (`PythonConfig.kind`)."""
MORE, PLUS_PLUS = "popover.more", "popover.switches"
"""Keys of the popovers of settings."""
_ABOUT = "preset.about"
"""Key of what was last said of a preset."""


def sidebar(token: str) -> None:
    """Draw the sidebar for a page."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown("#### MAML, live")
        runs(token)
    shown = get_hub().sidebar(token)
    if shown is None:  # forgotten this moment; the next rerun opens the page again
        return
    fields = Fields(token, shown)
    _presets(token, shown.preset)
    _tasks(fields)
    _numbers(fields)
    _algorithm(fields)
    _order(fields)
    fields.segments(
        "outer_optimizer",
        {"adam": "Adam", "sgd": "Plain SGD"},
        help=_help("outer_optimizer") + " A switch forgets the moments.",
    )
    _network(fields)
    more = st.popover("More settings", icon=":material/tune:", width="stretch", key=MORE, on_change="rerun")
    if more.open:
        with more:
            _more(fields)
    get_hub().drawn(token, shown)


def _help(name: str, owner: type[Any] = RunConfig) -> str:
    text: str = owner.__dataclass_fields__[name].metadata["help"]
    return text


def _about(family: type[Any]) -> str:
    """What a family's tasks are, in its own sentence."""
    sentence = (family.__doc__ or "").partition("\n")[0]
    return f"{sentence[:1].lower()}{sentence[1:]}"


def _presets(token: str, running: str | None) -> None:
    ready = pretrained()
    known: dict[str, Preset | Pretrained] = {**{preset.name: preset for preset in PRESETS}, **ready}
    running = running if running in known else None  # a run's folder may have gone since it was opened

    def start() -> None:
        name = st.session_state["preset"]
        if name is None:
            return
        state.ask_for_images()
        if name in ready:
            _open(token, ready[name])
            return
        preset = next(p for p in PRESETS if p.name == name)
        if reason := why_no_images(preset.config.tasks, shared=state.is_shared()):
            state.note(plain(reason))
            state.ask_for_images(preset.config.tasks.kind)
            return
        try:
            get_hub().restart(token, lambda _: preset.config)
        except (ConfigError, StoreError) as error:
            state.note(plain(as_sentence(error)))

    options = list(known)
    held = state.holding("preset", running, start, default="index")
    if held.get("index") is not None:
        held["index"] = options.index(held["index"])
    st.selectbox(
        "Preset",
        options,
        **held,
        placeholder="Start from a preset ...",
        key="preset",
        help="A whole set-up. Choosing one restarts the run; the curves so far stay as a pale ghost.",
    )
    with st.container(key="preset-about"):
        if running is not None:
            st.session_state[_ABOUT] = f"**{running}.** {in_markdown(known[running].teaches)}"
            st.caption(st.session_state[_ABOUT])
        elif _ABOUT in st.session_state:
            # The room stays: with the first setting that is another, all below would move away from under whoever changes it.
            st.container(key="preset-before").caption(st.session_state[_ABOUT])
            st.container(key="preset-none").caption("**No preset** has these settings.")


def _open(token: str, run: Pretrained) -> None:
    try:
        get_hub().open_run(token, load_run(run.folder), called=run.name)
    except (StoreError, ConfigError) as error:
        state.note(plain(as_sentence(error)))


def _algorithm(fields: Fields) -> None:
    fields.select(
        "algorithm",
        list(NAMES),
        names=NAMES,
        help="FOMAML is MAML of first order, MAML++ is MAML with its four switches on."
        " What contradicts it is reset, with a note.",
    )
    if TRAITS[fields.config.algorithm].is_proximal:
        left, right = st.columns(2)
        fields.number("proximal", where=left, step=1.0, format="%g", help=_help("proximal"))
        fields.count("num_solver_steps", where=right, help=_help("num_solver_steps"))
    switches = st.popover(
        "MAML++ switches", icon=":material/toggle_on:", width="stretch", key=PLUS_PLUS, on_change="rerun"
    )
    if switches.open:
        with switches:
            _switches(fields)


def _switches(fields: Fields) -> None:
    """The switches and, below each, its horizon; one that cannot act says why."""
    config = fields.config
    said: set[str] = set()

    def toggle(name: Switch | NormSwitch) -> None:
        reason = why_not(config, name)
        fields.toggle(name, help=_help(name), disabled=bool(reason))
        if reason and reason not in said:
            said.add(reason)
            st.caption(in_markdown(reason))

    toggle("multi_step_loss")
    fields.count("multi_step_epochs", help=_help("multi_step_epochs"), disabled=not config.multi_step_loss)
    toggle("per_step_rates")
    toggle("anneal_order")
    fields.count("first_order_epochs", help=_help("first_order_epochs"), disabled=not config.anneal_order)
    toggle("anneal_beta")
    fields.count("num_epochs", help=_help("num_epochs"), disabled=not config.anneal_beta)
    left, right = st.columns(2)
    fields.number(
        "final_beta",
        where=left,
        step=1e-5,
        format="%g",
        help=_help("final_beta"),
        disabled=not config.anneal_beta,
    )
    fields.count(
        "epoch_steps",
        where=right,
        help=_help("epoch_steps"),
        disabled=not (config.multi_step_loss or config.anneal_order or config.anneal_beta),
    )
    if not isinstance(config.tasks, PythonConfig):
        toggle("per_step_norm")
        toggle("per_step_statistics")


def _order(fields: Fields) -> None:
    reason = why_no_order(fields.config)
    fields.segments(
        "order",
        {"second": "Second", "first": "First"},
        disabled=bool(reason),
        help=f"{reason} {_help('order')}".strip(),
    )


def _tasks(fields: Fields) -> None:
    config = fields.config
    names = {**FAMILY_NAMES, **_own_name(config)}

    def choose(name: str) -> None:
        kind = st.session_state[f"set.{name}"]
        state.ask_for_images()
        if kind not in FAMILIES:
            _begin_own(fields.token)
            return
        if why_no_images(FAMILIES[kind](), shared=state.is_shared()):  # a folder has to be named first
            state.ask_for_images(kind)  # the run stays until the images are there
        else:
            fields.choose(name)

    fields.select(
        "family",
        list(names),
        names=names,
        on_change=choose,
        help="Curves: predict y from x after a look at a few points. Images: name the class of a drawing after one look at each class; from "
        "one to the other the settings of a demo are taken. "
        + " ".join(f"{f.called}: {_about(f)}" for f in FAMILIES.values()),
    )
    images.images_wanted(fields.token, config, lost=fields.lost_images)
    if isinstance(config.tasks, GlyphsConfig):
        fields.slider("difficulty", min_value=0.0, max_value=1.0, step=0.05, help=_help("difficulty", GlyphsConfig))
    if isinstance(config.tasks, OmniglotConfig):
        left, right = st.columns(2, vertical_alignment="bottom")
        fields.select("split", ["alphabets", "background", "random"], where=left, help=_help("split", OmniglotConfig))
        fields.toggle("rotations", where=right, help=_help("rotations", OmniglotConfig))


def _own_name(config: RunConfig) -> dict[str, str]:
    """The problem of one's own among the tasks, where whoever started the server has named one, or the run is of one."""
    if isinstance(config.tasks, PythonConfig):
        return {PYTHON: config.tasks.problem}
    return {PYTHON: server_code()} if server_code() else {}


def _begin_own(token: str) -> None:
    """Start the run again with the problem of one's own."""
    try:
        tasks = get_hub().own_tasks.found()
        get_hub().restart(token, lambda config: with_tasks(config, tasks).config)
    except (ConfigError, StoreError) as error:
        state.note(plain(as_sentence(error)))


def _numbers(fields: Fields) -> None:
    left, right = st.columns(2)
    if isinstance(fields.config.tasks, ImageConfig):
        fields.count("ways", where=left, help=_help("ways", GlyphsConfig))
        fields.count("shots", where=right, help=_help("shots"))
        left, right = st.columns(2)
        fields.count("num_query", where=left, help=_help("num_query"))
    else:
        fields.count("shots", where=left, help=_help("shots"))
    fields.count("meta_batch_size", where=right, help=_help("meta_batch_size"))


def _network(fields: Fields) -> None:
    config = fields.config
    if isinstance(config.tasks, PythonConfig):
        _own_network(fields, config.tasks)
        return
    if config.classifies:
        fields.segments(
            "model",
            {"conv": "Convolutional", "mlp": "MLP"},
            help="The papers' four convolutional layers, or their fully connected network of 256, 128, 64 and 64 units.",
        )
    left, right = st.columns([3, 2])
    if isinstance(config.model, ConvConfig):
        fields.count("num_filters", where=left, step=8, help=_help("num_filters", ConvConfig))
    else:
        fields.text(
            "hidden_widths",
            where=left,
            help="Units of each hidden layer, for example 40,40; none for a linear model.",
        )
    _seed(fields, right)


def _own_network(fields: Fields, tasks: PythonConfig) -> None:
    """What is known of the network and the loss of a problem of one's own, which have no settings here."""
    left, right = st.columns([3, 2])
    loss = f" and the loss ({tasks.loss})" if tasks.loss else " and the loss"
    left.caption(
        plain(f"The network, of {counted(tasks.parameters, 'parameter')},{loss} are those of {tasks.problem}.")
    )
    _seed(fields, right)


def _seed(fields: Fields, where: Any) -> None:
    fields.count(
        "seed",
        where=where,
        help="Of the initial weights and of the training tasks; the held-out tasks stay the same.",
    )


def _more(fields: Fields) -> None:
    config = fields.config
    is_own, is_of_images = isinstance(config.tasks, PythonConfig), isinstance(config.tasks, ImageConfig)
    if isinstance(config.model, ConvConfig):
        left, right = st.columns(2)
        fields.count("num_layers", where=left, help=_help("num_layers", ConvConfig))
        fields.select(
            "downsample",
            ["stride", "max_pool"],
            where=right,
            names={"stride": "Stride of 2", "max_pool": "Max-pool"},
            help=_help("downsample", ConvConfig),
        )
    elif not is_own:
        fields.select("activation", ["relu", "tanh", "gelu", "softplus"], help=_help("activation", MLPConfig))
    if not is_own:
        fields.select("norm", norms_of(config), names=NORMS, help=_help("batch_norm_treatment"))
    fields.select("head", heads_of(config), names=HEADS, help=_help("head"))
    reason = "" if TRAITS[config.algorithm].unrolls else "This algorithm stores no inner gradients. "
    fields.toggle("recompute", disabled=bool(reason), help=reason + _help("recompute"))
    if not is_of_images:
        fields.count("num_query", help=_help("num_query"))
    fields.text("clip_norm", placeholder="none", help=_help("clip_norm"))
    fields.text("num_training_tasks", placeholder="none", help=_help("num_training_tasks"))
    if is_of_images:
        fields.segments("labels", {"shuffled": "Shuffled", "fixed": "Fixed"}, help=_help("labels", GlyphsConfig))
    if isinstance(config.tasks, SinusoidConfig):
        fields.text("frequency", help=_help("frequency", SinusoidConfig))
        left, right = st.columns(2)
        fields.text("test_amplitude", where=left, placeholder="none", help=_help("test_amplitude", SinusoidConfig))
        fields.text("test_phase_rad", where=right, placeholder="none", help=_help("test_phase_rad", SinusoidConfig))
    if not (is_own or is_of_images):
        fields.text("test_x", placeholder="none", help=_help("test_x", SinusoidConfig))
    if isinstance(config.tasks, GlyphsConfig):
        fields.text("test_difficulty", placeholder="none", help=_help("test_difficulty", GlyphsConfig))
    if not (is_own or is_of_images):
        fields.number("noise_std", step=0.1, help=_help("noise_std", SinusoidConfig))
    reason = "This run learns its inner step sizes. " if learns_rates(config) else ""
    fields.text("test_alpha", placeholder="none", disabled=bool(reason), help=reason + _help("test_alpha"))
    fields.count("evaluation_steps", help=_help("evaluation_steps"))
    fields.toggle("joint_baseline", help=_help("joint_baseline"))
    if not config.classifies:
        fields.toggle("oracle_baseline", help=_help("oracle_baseline"))
    fields.scratch()
