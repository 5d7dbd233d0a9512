"""The sidebar: everything of a set-up but alpha, beta and N, which people drag and which therefore live in the component.

Each widget sends its own field when it changes; what cannot change while a run trains says that it restarts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from dashboard import image_tasks, limits, state
from dashboard.algorithms import (
    NAMES,
    NORM_SWITCHES,
    NORMS,
    SWITCHES,
    Chosen,
    NormSwitch,
    Switch,
    chosen,
    normalized,
    norms_of,
    switched,
    why_no_order,
    why_not,
)
from dashboard.limits import why_no_images
from dashboard.live.server import get_hub
from dashboard.runs_panel import runs
from dashboard.text import LESSON
from maml_core.config import (
    CHANGEABLE,
    ConvConfig,
    FolderConfig,
    GlyphsConfig,
    ImageConfig,
    LinearConfig,
    MLPConfig,
    OmniglotConfig,
    RunConfig,
    SinusoidConfig,
    replace,
)
from maml_core.errors import ConfigError
from maml_core.presets import DEFAULT_PRESET, PRESETS, few_shot

Values = Mapping[str, Any]
"""What the widgets say, by field."""

Build = Callable[[RunConfig, Values], RunConfig]
"""A set-up from the run's current one and the widgets."""

Choose = Callable[[RunConfig, Values], Chosen]
"""The same, with a note on what had to give way."""

_TASKS = ("family", "ways", "difficulty", "split", "rotations", "noise_std", "model")
_RESTARTS = " Changing it restarts the run from outer step 0."


def sidebar(token: str) -> None:
    """Draw the sidebar for a page."""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown("#### MAML, live")
        runs(token)
    config = state.shown()
    _presets(token)
    _tasks(token, config)
    _numbers(token, config)
    _algorithm(token, config)
    _order(token, config)
    _choices(token)
    _network(token, config)
    with st.popover("More settings", icon=":material/tune:", width="stretch"):
        _more(token, config)
    with st.popover("A first lesson", icon=":material/school:", width="stretch"):
        st.markdown(LESSON)


def _help(name: str, owner: type[Any] = RunConfig) -> str:
    text: str = owner.__dataclass_fields__[name].metadata["help"]
    return text


def _presets(token: str) -> None:
    def start() -> None:
        preset = next((p for p in PRESETS if p.name == st.session_state["preset"]), None)
        if preset is not None and (reason := why_no_images(preset.config.tasks, shared=state.is_shared())):
            state.note(reason)
            st.session_state[image_tasks.ASKED] = preset.config.tasks.kind
        elif preset is not None:
            get_hub().restart(token, lambda _: preset.config)
            state.show(preset.config)
            st.session_state["preset.started"] = preset
            st.session_state[image_tasks.ASKED] = None
        st.session_state["preset"] = None  # so that the same one can be chosen again

    st.selectbox(
        "Preset",
        [preset.name for preset in PRESETS],
        index=None,
        placeholder="Start from a preset ...",
        key="preset",
        on_change=start,
        help="A whole set-up. Choosing one restarts the run; the curves so far stay as a pale ghost.",
    )
    started = st.session_state.get("preset.started")
    if started is not None:
        st.caption(f"**{started.name}.** {started.teaches}")


def _algorithm(token: str, config: RunConfig) -> None:
    st.selectbox(
        "Algorithm",
        list(NAMES),
        format_func=NAMES.__getitem__,
        key="set.algorithm",
        on_change=_chooser(token, lambda c, v: chosen(c, v["algorithm"])),
        help="FOMAML is MAML of first order, MAML++ is MAML with its four switches on."
        + _RESTARTS
        + " What contradicts it is reset, with a note.",
    )
    if config.algorithm == "imaml":
        left, right = st.columns(2)
        left.number_input(
            "λ (proximal)",
            min_value=0.0,
            max_value=1e6,
            step=1.0,
            format="%g",
            key="set.proximal",
            on_change=_field_restarter(token, "proximal"),
            help=_help("proximal") + _RESTARTS,
        )
        right.number_input(
            "Solver steps",
            1,
            200,
            key="set.num_solver_steps",
            on_change=_field_restarter(token, "num_solver_steps"),
            help=_help("num_solver_steps") + _RESTARTS,
        )
    with st.popover("MAML++ switches", icon=":material/toggle_on:", width="stretch"):
        _switches(token, config)


def _switches(token: str, config: RunConfig) -> None:
    """The switches and, below each, its horizon; one that cannot act says why."""

    said: set[str] = set()

    def toggle(name: Switch | NormSwitch) -> None:
        reason = why_not(config, name)
        st.toggle(
            {**SWITCHES, **NORM_SWITCHES}[name],
            key=f"set.{name}",
            disabled=bool(reason),
            on_change=_chooser(token, lambda c, v: switched(c, name, v[name])),
            help=_help(name) + _RESTARTS,
        )
        if reason and reason not in said:
            said.add(reason)
            st.caption(reason)

    def horizon(label: str, name: str, switch: Switch) -> None:
        st.number_input(
            label,
            1,
            1_000_000,
            key=f"set.{name}",
            disabled=not getattr(config, switch),
            on_change=_field_restarter(token, name),
            help=_help(name) + _RESTARTS,
        )

    toggle("multi_step_loss")
    horizon("Epochs until only the last step counts", "multi_step_epochs", "multi_step_loss")
    toggle("per_step_rates")
    toggle("anneal_order")
    horizon("Epochs of first order", "first_order_epochs", "anneal_order")
    toggle("anneal_beta")
    horizon("Epochs until β has fallen", "num_epochs", "anneal_beta")
    left, right = st.columns(2)
    left.number_input(
        "β at the end",
        min_value=0.0,
        max_value=100.0,
        step=1e-5,
        format="%g",
        key="set.final_beta",
        disabled=not config.anneal_beta,
        on_change=_field_restarter(token, "final_beta"),
        help=_help("final_beta") + _RESTARTS,
    )
    right.number_input(
        "Steps an epoch",
        1,
        1_000_000,
        key="set.epoch_steps",
        disabled=not (config.multi_step_loss or config.anneal_order or config.anneal_beta),
        on_change=_field_restarter(token, "epoch_steps"),
        help=_help("epoch_steps") + _RESTARTS,
    )
    toggle("per_step_norm")
    toggle("per_step_statistics")


def _order(token: str, config: RunConfig) -> None:
    reason = why_no_order(config)
    st.segmented_control(
        "Order",
        ["second", "first"],
        format_func={"second": "Second", "first": "First"}.__getitem__,
        required=True,
        key="set.order",
        disabled=bool(reason),
        on_change=_chooser(token, lambda c, v: Chosen(replace(c, {"order": v["order"]}))),
        help=f"{reason} {_help('order')}".strip(),
        width="stretch",
    )


def _tasks(token: str, config: RunConfig) -> None:
    def start(tasks: ImageConfig) -> None:
        new = few_shot(tasks)
        limits.check(new)
        get_hub().restart(token, lambda _: new)
        state.show(new)

    def choose() -> None:
        kind = state.values()["family"]
        st.session_state[image_tasks.ASKED] = None
        if kind == "folder" or why_no_images(_FAMILIES[kind](), shared=False):
            st.session_state[image_tasks.ASKED] = kind  # the run stays until the images are there
            state.follow_run(("family",))
        else:
            _chooser(token, _with_family)()

    st.selectbox(
        "Tasks",
        list(_FAMILY_NAMES),
        format_func=_FAMILY_NAMES.__getitem__,
        key="set.family",
        on_change=choose,
        help="Curves: y = A sin(x - phase), the paper's regression tasks, or y = w x, where everything has a closed form. Images: name "
        "the class of a drawing after one look at each class; from one to the other the settings of a demo are taken."
        + _RESTARTS,
    )
    image_tasks.images_wanted(start)
    if isinstance(config.tasks, GlyphsConfig):
        st.slider(
            "Difficulty",
            0.0,
            1.0,
            step=0.05,
            key="set.difficulty",
            on_change=_chooser(token, _with_family),
            help=_help("difficulty", GlyphsConfig) + _RESTARTS,
        )
    if isinstance(config.tasks, OmniglotConfig):
        left, right = st.columns(2, vertical_alignment="bottom")
        left.selectbox(
            "Held out",
            ["alphabets", "background", "random"],
            key="set.split",
            on_change=_chooser(token, _with_family),
            help=_help("split", OmniglotConfig) + _RESTARTS,
        )
        right.toggle(
            "Rotations",
            key="set.rotations",
            on_change=_chooser(token, _with_family),
            help=_help("rotations", OmniglotConfig) + _RESTARTS,
        )


def _numbers(token: str, config: RunConfig) -> None:
    left, right = st.columns(2)
    if config.classifies:
        left.number_input(
            "Ways",
            2,
            20,
            key="set.ways",
            on_change=_chooser(token, _with_family),
            help=_help("ways", GlyphsConfig) + _RESTARTS,
        )
        right.number_input("Shots", 1, 10, key="set.shots", on_change=_sender(token, "shots"), help=_help("shots"))
        left, right = st.columns(2)
        left.number_input(
            "Query / class", 1, 50, key="set.num_query", on_change=_sender(token, "num_query"), help=_help("num_query")
        )
    else:
        left.number_input("Shots", 1, 100, key="set.shots", on_change=_sender(token, "shots"), help=_help("shots"))
    right.number_input(
        "Tasks / step",
        1,
        500,
        key="set.meta_batch_size",
        on_change=_sender(token, "meta_batch_size"),
        help=_help("meta_batch_size"),
    )


def _choices(token: str) -> None:
    st.segmented_control(
        "Outer optimiser",
        ["adam", "sgd"],
        format_func={"adam": "Adam", "sgd": "Plain SGD"}.__getitem__,
        required=True,
        key="set.outer_optimizer",
        on_change=_sender(token, "outer_optimizer"),
        help=_help("outer_optimizer") + " A switch forgets the moments.",
        width="stretch",
    )


def _network(token: str, config: RunConfig) -> None:
    if config.classifies:
        st.segmented_control(
            "Network",
            ["conv", "mlp"],
            format_func={"conv": "Convolutional", "mlp": "MLP"}.__getitem__,
            required=True,
            key="set.model",
            on_change=_chooser(token, _with_kind),
            help="The papers' four convolutional layers, or their fully connected network of 256, 128, 64 and 64 units."
            + _RESTARTS,
            width="stretch",
        )
    left, right = st.columns([3, 2])
    if isinstance(config.model, ConvConfig):
        left.number_input(
            "Filters",
            1,
            128,
            step=8,
            key="set.num_filters",
            on_change=_restarter(token, _with_network, *_NETWORK),
            help=_help("num_filters", ConvConfig) + _RESTARTS,
        )
    else:
        left.text_input(
            "Hidden widths",
            key="set.hidden_widths",
            on_change=_restarter(token, _with_network, *_NETWORK),
            help="Units of each hidden layer, for example 40, 40; empty for a linear model." + _RESTARTS,
        )
    right.number_input(
        "Seed",
        0,
        2**31 - 1,
        key="set.seed",
        on_change=_restarter(token, lambda c, v: replace(c, {"weights_seed": v["seed"], "tasks_seed": v["seed"]})),
        help="Of the initial weights and of the training tasks; the held-out tasks stay the same." + _RESTARTS,
    )


def _more(token: str, config: RunConfig) -> None:
    if isinstance(config.model, ConvConfig):
        left, right = st.columns(2)
        left.number_input(
            "Layers",
            1,
            4,
            key="set.num_layers",
            on_change=_restarter(token, _with_network, *_NETWORK),
            help=_help("num_layers", ConvConfig) + _RESTARTS,
        )
        right.selectbox(
            "Halving",
            ["stride", "max_pool"],
            format_func={"stride": "Stride of 2", "max_pool": "Max-pool"}.__getitem__,
            key="set.downsample",
            on_change=_restarter(token, _with_network, *_NETWORK),
            help=_help("downsample", ConvConfig) + _RESTARTS,
        )
    else:
        st.selectbox(
            "Activation",
            ["relu", "tanh", "gelu", "softplus"],
            key="set.activation",
            on_change=_restarter(token, _with_network, *_NETWORK),
            help=_help("activation", MLPConfig) + _RESTARTS,
        )
    st.selectbox(
        "Normalisation" if isinstance(config.model, ConvConfig) else "Batch norm",
        norms_of(config),
        format_func=NORMS.__getitem__,
        key="set.norm",
        on_change=_chooser(token, lambda c, v: normalized(c, v["norm"])),
        help=_help("batch_norm_treatment") + _RESTARTS,
    )
    reason = "" if config.algorithm not in ("reptile", "imaml") else "This algorithm stores no inner gradients. "
    st.toggle(
        "Recompute inner gradients",
        key="set.recompute",
        disabled=bool(reason),
        on_change=_sender(token, "recompute"),
        help=reason + _help("recompute"),
    )
    if not config.classifies:
        st.number_input(
            "Query points", 1, 500, key="set.num_query", on_change=_sender(token, "num_query"), help=_help("num_query")
        )
    st.number_input(
        "Clip norm",
        min_value=0.0,
        max_value=1e6,
        value=None,
        placeholder="off",
        key="set.clip_norm",
        on_change=_sender(token, "clip_norm"),
        help=_help("clip_norm"),
    )
    if not config.classifies:
        st.number_input(
            "Noise",
            0.0,
            100.0,
            step=0.1,
            key="set.noise_std",
            on_change=_chooser(token, _with_family),
            help=_help("noise_std", SinusoidConfig) + _RESTARTS,
        )
    st.number_input(
        "Inner steps at evaluation",
        0,
        100,
        key="set.evaluation_steps",
        on_change=_field_restarter(token, "evaluation_steps"),
        help=_help("evaluation_steps") + _RESTARTS,
    )
    st.toggle(
        "Joint pretraining beside it",
        key="set.joint_baseline",
        on_change=_field_restarter(token, "joint_baseline"),
        help=_help("joint_baseline") + _RESTARTS,
    )
    if not config.classifies:
        st.toggle(
            "Oracle beside it",
            key="set.oracle_baseline",
            on_change=_field_restarter(token, "oracle_baseline"),
            help=_help("oracle_baseline") + _RESTARTS,
        )
    st.toggle(
        "From scratch, to convergence",
        key=state.SCRATCH,
        on_change=_scratch_sender(token),
        help="For each held-out task, train the initial weights on its support points alone until that stops helping. It takes a few "
        "seconds, again when shots or query points change, and is left out where the set-up is too large for that.",
    )


_FAMILIES: Mapping[str, type[Any]] = {
    "sinusoid": SinusoidConfig,
    "linear": LinearConfig,
    "glyphs": GlyphsConfig,
    "omniglot": OmniglotConfig,
    "folder": FolderConfig,
}
_FAMILY_NAMES = {
    "sinusoid": "Sinusoids",
    "linear": "Lines",
    "glyphs": "Glyphs (drawn, no data)",
    "omniglot": "Omniglot",
    "folder": "A folder of images",
}
_NETWORK = ("hidden_widths", "activation", "num_filters", "num_layers", "downsample")


def _with_family(config: RunConfig, values: Values) -> Chosen:
    """The chosen family with what its widgets say; where curves and images take each other's place, with the settings of a demo."""
    kind = _FAMILIES[values["family"]]
    fields = {f.name for f in dataclasses.fields(kind)} - {"kind"}
    told = {name: values[name] for name in fields & values.keys()}
    if "noise_std" in told:
        told["noise_std"] = float(told["noise_std"])
    tasks = dataclasses.replace(config.tasks if isinstance(config.tasks, kind) else kind(), **told)
    is_image = isinstance(tasks, ImageConfig)
    if is_image == config.classifies:
        return Chosen(replace(config, {"tasks": tasks}))
    seeds = {name: getattr(config, name) for name in ("weights_seed", "tasks_seed", "evaluation_seed")}
    demo = few_shot(tasks) if is_image else DEFAULT_PRESET.config
    what = "images" if is_image else "curves"
    return Chosen(
        replace(demo, {**seeds, "tasks": tasks}), (f"The other settings are those of the fast demo with {what}.",)
    )


def _with_kind(config: RunConfig, values: Values) -> Chosen:
    """The other kind of network for images, as the papers have it."""
    if values["model"] == config.model.kind:
        return Chosen(config)
    if values["model"] == "conv":
        return Chosen(replace(config, {"model": ConvConfig(num_filters=16)}))
    batch_norm = config.model.batch_norm
    return Chosen(replace(config, {"model": MLPConfig(hidden_widths=(256, 128, 64, 64), batch_norm=batch_norm)}))


def _with_network(config: RunConfig, values: Values) -> RunConfig:
    if isinstance(config.model, ConvConfig):
        told = {name: values[name] for name in ("num_filters", "num_layers", "downsample") if name in values}
        return replace(config, {"model": dataclasses.replace(config.model, **told)})
    text = str(values["hidden_widths"]).replace(";", ",").replace(" ", ",")
    try:
        widths = tuple(int(part) for part in text.split(",") if part)
    except ValueError:
        what = "whole numbers with commas between, for example 40, 40"
        raise ConfigError("Hidden widths", values["hidden_widths"], what) from None
    model = dataclasses.replace(config.model, hidden_widths=widths, activation=values["activation"])
    return replace(config, {"model": model})


def _sender(token: str, name: str) -> Callable[[], None]:
    """Send one setting to the run, while it trains."""

    def send() -> None:
        changes = {name: state.values()[name]}

        def act() -> None:
            config = get_hub().config(token)
            if config is not None:
                limits.check(replace(config, changes))  # what is not accepted is said here, beside the widget
                get_hub().change(token, changes)

        _attempt(act, name)

    return send


def _scratch_sender(token: str) -> Callable[[], None]:
    """Show training from scratch, or no longer."""

    def send() -> None:
        wanted = state.wants_scratch()
        config = get_hub().config(token)
        try:
            if wanted and config is not None:
                limits.check_scratch(config)
        except ConfigError as error:
            state.note(f"{error}.")
            state.forget_scratch()
        else:
            get_hub().show_scratch(token, wanted)

    return send


def _restarter(token: str, build: Build, *names: str) -> Callable[[], None]:
    """Restart the run with a set-up made from its current one and what the widgets say."""

    def restart() -> None:
        values = state.values()

        def act() -> None:
            config = get_hub().config(token)
            if config is not None:
                limits.check(build(config, values))  # what is not accepted is said here, beside the widget
                get_hub().restart(token, lambda current: build(current, values))

        _attempt(act, *names)

    return restart


def _field_restarter(token: str, name: str) -> Callable[[], None]:
    """Restart the run with one field as its widget has it."""
    return _restarter(token, lambda config, values: replace(config, {name: values[name]}), name)


def _chooser(token: str, choose: Choose) -> Callable[[], None]:
    """Give the run another algorithm, order or switch: while it trains where that can be, else from outer step 0."""

    def send() -> None:
        values = state.values()

        def act() -> None:
            config = get_hub().config(token)
            if config is None:
                return
            new, notes = choose(config, values)
            limits.check(new)
            changes = {f.name: getattr(new, f.name) for f in dataclasses.fields(new)}
            changes = {name: value for name, value in changes.items() if value != getattr(config, name)}
            if changes.keys() <= CHANGEABLE:
                get_hub().change(token, changes)
            else:
                get_hub().restart(token, lambda current: choose(current, values).config)
            if new.tasks != config.tasks or new.model.kind != config.model.kind:
                state.show(new)
            else:
                state.show(new, ("algorithm", "norm", "recompute", *state.algorithm_fields(new)))
            for sentence in notes:
                state.note(sentence)

        _attempt(act, "algorithm", "order", "norm", *SWITCHES, *NORM_SWITCHES, *_TASKS)

    return send


def _attempt(action: Callable[[], None], *names: str) -> None:
    """Do it; a value that is not accepted is named, and the widgets go back to what the run has."""
    try:
        action()
    except ConfigError as error:
        state.note(f"{error}.")
        state.follow_run(names)
