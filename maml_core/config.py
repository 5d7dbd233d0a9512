"""Every frozen config: the models and the run that joins them with the task families, which stand in `families`, a file each.

A config is checked when it is made, so one that exists can be used. Each field carries its accepted range and its help text in its
metadata; the page, the command line and the address bar read them from here. Nothing here imports torch.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Literal, TypeVar

from maml_core.errors import ConfigError
from maml_core.families.images import DRAWINGS, FolderConfig, GlyphsConfig, OmniglotConfig
from maml_core.families.linear import LinearConfig
from maml_core.families.own import PythonConfig
from maml_core.families.sinusoid import SinusoidConfig
from maml_core.settings import Interval, check_fields, documented, read_dict, setting, to_dict
from maml_core.traits import TRAITS

__all__ = [
    "ALIASES",
    "BESIDE_TRAINING",
    "CHANGEABLE",
    "SHORT_NAMES",
    "ConvConfig",
    "CurveConfig",
    "FolderConfig",
    "GlyphsConfig",
    "ImageConfig",
    "LinearConfig",
    "MLPConfig",
    "ModelConfig",
    "OmniglotConfig",
    "PythonConfig",
    "RunConfig",
    "RunTasks",
    "SinusoidConfig",
    "TaskConfig",
    "at_test",
    "changed",
    "check_is_config",
    "from_dict",
    "learns_inner_loop",
    "learns_rates",
    "located",
    "needs_inner_steps",
    "replace",
    "to_dict",
]


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class MLPConfig:
    """A fully connected network. Without hidden layers it is an affine map (linear when `use_bias` is off)."""

    kind: Literal["mlp"] = "mlp"
    hidden_widths: tuple[int, ...] = setting(
        (40, 40), "Units in each hidden layer, for example 40,40.", low=1, high=1024
    )
    activation: Literal["relu", "tanh", "gelu", "softplus"] = setting("relu", "Non-linearity after each hidden layer.")
    use_bias: bool = setting(True, "Give every layer a bias.")
    batch_norm: bool = setting(
        False, "Batch normalisation before every activation; its shift then takes the place of the hidden layers' bias."
    )

    def __post_init__(self) -> None:
        check_fields(self)
        if len(self.hidden_widths) > 8:
            raise ConfigError("hidden_widths", self.hidden_widths, "at most 8 hidden layers; remove some")
        if self.batch_norm and not self.hidden_widths:
            raise ConfigError("batch_norm", True, "there is no hidden layer to normalise; add one, or switch it off")


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class ConvConfig:
    """The convolutional network of the few-shot papers: blocks of 3x3 convolution, normalisation and ReLU, the mean over what space
    is left, a linear head (Finn et al. 2017, section 5.2).
    """

    kind: Literal["conv"] = "conv"
    num_layers: int = setting(4, "Convolutional layers.", low=1, high=4)
    num_filters: int = setting(32, "Filters of each layer.", low=1, high=128)
    downsample: Literal["stride", "max_pool"] = setting(
        "stride",
        "How a layer halves height and width: with a stride of 2, or by a 2x2 max-pool, which costs about four times the time.",
    )
    norm: Literal["batch", "group", "none"] = setting(
        "batch", "Batch norm, with the run's treatment; group norm, which looks at one image at a time; or none."
    )

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def batch_norm(self) -> bool:
        """Whether a treatment of batch norm acts."""
        return self.norm == "batch"


CurveConfig = SinusoidConfig | LinearConfig
ImageConfig = GlyphsConfig | OmniglotConfig | FolderConfig
TaskConfig = CurveConfig | ImageConfig
"""Tasks that their settings name whole: what is built, offered and read from addresses."""
RunTasks = TaskConfig | PythonConfig
"""What a run may be of; one of Python code of its owner's has no settings and a name that is never followed unasked."""
ModelConfig = MLPConfig | ConvConfig


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """A whole run at outer step 0. With its timeline and seeds it replays bit for bit on one machine.

    Changes while training (`CHANGEABLE`) are entries on the run's timeline; every other field needs a new run.
    """

    tasks: RunTasks = field(default_factory=SinusoidConfig, metadata={"help": "The family that tasks are drawn from."})
    model: ModelConfig = field(default_factory=MLPConfig, metadata={"help": "The network."})

    algorithm: Literal["maml", "anil", "meta_sgd", "meta_curvature", "reptile", "imaml"] = setting(
        "maml",
        "maml: all of theta_0 adapts (with first order: FOMAML). anil: only the head adapts. meta_sgd: one learned rate a parameter. "
        "meta_curvature: learned matrices turn the inner gradient. reptile: theta_0 moves towards theta_N. "
        "imaml: a proximal inner problem and an implicit gradient.",
    )
    alpha: float = setting(
        0.01,
        "Inner step size: how far one gradient step on a task's support points moves theta. Below 0 the inner steps climb, which can be best in "
        "training with a positive step size at test (Bernacchia 2021).",
        low=-100.0,
        high=100.0,
    )
    test_alpha: float | None = setting(
        None,
        "Inner step size of held-out tasks, where it is another than in training; none: alpha.",
        low=-100.0,
        high=100.0,
    )
    num_inner_steps: int = setting(
        1, "N, the number of inner steps from theta_0 to theta_N in training.", low=0, high=50
    )
    order: Literal["second", "first"] = setting(
        "second",
        "Second order (MAML) differentiates through the inner steps; first order (FOMAML) treats the inner gradients as constants.",
    )
    beta: float = setting(1e-3, "Outer step size: how far one meta-gradient step moves theta_0.", above=0.0, high=100.0)
    outer_optimizer: Literal["adam", "sgd"] = setting(
        "adam", "How theta_0 is updated: Adam, or the paper's plain gradient step."
    )
    adam_betas: Interval = setting((0.9, 0.999), "Decay rates of Adam's two moments.", low=0.0, high=0.999999)
    adam_eps: float = setting(1e-8, "Adam's epsilon.", above=0.0, high=1.0)
    clip_norm: float | None = setting(
        None, "Largest Euclidean norm of the meta-gradient; empty means no clipping.", above=0.0, high=1e6
    )

    multi_step_loss: bool = setting(
        False, "MAML++: judge every inner step's query loss, with weights that are annealed towards the last one."
    )
    per_step_rates: bool = setting(
        False, "MAML++: learn one rate per parameter tensor and inner step, starting from alpha."
    )
    anneal_order: bool = setting(False, "MAML++: first order for the first epochs, second order from then on.")
    anneal_beta: bool = setting(False, "MAML++: beta falls along a half cosine to its final value.")
    epoch_steps: int = setting(500, "Outer steps in an epoch, the unit of the schedules.", low=1, high=1_000_000)
    num_epochs: int = setting(100, "Epochs until beta has fallen to its final value.", low=1, high=1_000_000)
    multi_step_epochs: int = setting(
        15, "Epochs until the multi-step loss counts the last step only.", low=1, high=1_000_000
    )
    first_order_epochs: int = setting(50, "Epochs of first order before second order sets in.", low=1, high=1_000_000)
    final_beta: float = setting(1e-5, "Where the annealed beta ends.", above=0.0, high=100.0)
    proximal: float = setting(
        2.0, "iMAML's lambda: how strongly the adapted parameters are held near theta_0.", above=0.0, high=1e6
    )
    num_solver_steps: int = setting(5, "iMAML's steps of conjugate gradients.", low=1, high=200)

    head: Literal["learned", "shared", "zeroed"] = setting(
        "learned",
        "The last layer of theta_0, where every adaptation starts. learned: as the rest. shared: all classes have one weight vector, so that their "
        "numbering makes no difference (Ye & Chao 2022). zeroed: it is 0 (Kao et al. 2022).",
    )
    recompute: bool = setting(
        False,
        "Recompute the inner gradients in the backward pass instead of storing their graphs: the same meta-gradient to rounding, "
        "memory that hardly grows with N, more time.",
    )
    batch_norm_treatment: Literal["batch", "support", "running"] = setting(
        "batch",
        "Whose mean and variance batch norm uses. batch: those of the points at hand, at test too (transductive). support: the support "
        "set's at the same inner step (inductive). running: averages that training keeps (inductive).",
    )
    per_step_norm: bool = setting(
        False,
        "MAML++ (BNWB): batch norm has a learned scale and shift for every inner step; the inner loop leaves them alone.",
    )
    per_step_statistics: bool = setting(
        False, "MAML++ (BNRS): running averages are kept for every inner step; acts with the treatment running only."
    )
    norm_momentum: float = setting(
        0.1, "How far an outer step moves the running averages towards its tasks'.", above=0.0, high=1.0
    )

    shots: int = setting(
        10, "Support points per task, of images per class: what the inner loop learns from.", low=1, high=100
    )
    num_query: int = setting(
        10, "Query points per task, of images per class: what the outer loop is judged on.", low=1, high=500
    )
    meta_batch_size: int = setting(25, "Tasks per outer step; the meta-loss is their mean.", low=1, high=500)
    num_training_tasks: int | None = setting(
        None,
        "Different tasks in training: so many are drawn once, and every outer step takes its tasks from among them, with new points; none: "
        "tasks without end. Held-out tasks are always others. With few, theta_0 fits these alone (Yao et al. 2021).",
        low=1,
        high=10_000,
    )

    weights_seed: int = setting(0, "Seed of the initial weights.", low=0, high=2**31 - 1)
    tasks_seed: int = setting(0, "Seed of the training tasks.", low=0, high=2**31 - 1)
    evaluation_seed: int = setting(
        1, "Seed of the held-out tasks; left alone, all runs are judged on common tasks.", low=0, high=2**31 - 1
    )

    evaluation_tasks: int = setting(100, "Held-out tasks on which the curves are measured.", low=2, high=100_000)
    evaluation_steps: int = setting(10, "Inner steps at evaluation (N_eval), independent of N.", low=0, high=100)
    evaluate_every: int = setting(20, "Outer steps between two points of the held-out curves.", low=1, high=1_000_000)
    joint_baseline: bool = setting(
        True,
        "Train joint pretraining (alpha = 0) alongside, on the same tasks with the same beta. Switched on while a run trains, it begins "
        "there, with the initial weights.",
    )
    oracle_baseline: bool = setting(
        False,
        "Train an oracle alongside: the same network, given the task's parameters with every x. It knows the task and does not adapt. "
        "Switched on while a run trains, it begins there, with the initial weights.",
    )
    dtype: Literal["float32", "float64"] = setting("float32", "Floating-point type of the whole run.")

    def __post_init__(self) -> None:
        check_fields(self)
        if isinstance(self.tasks, PythonConfig):
            self.tasks.check_run(self.model, MLPConfig(), self.num_training_tasks)
        _check_images(self)
        _check_algorithm(self)

    @property
    def alpha_at_test(self) -> float:
        """Inner step size of held-out tasks."""
        return self.alpha if self.test_alpha is None else self.test_alpha

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """Channels, height and width of an image; None where x is no image."""
        return self.tasks.image_shape if isinstance(self.tasks, ImageConfig) else None

    @property
    def num_inputs(self) -> int:
        """Width of one input x; an image is a flat row of its channels' rows."""
        return self.tasks.num_inputs

    @property
    def num_outputs(self) -> int:
        """Width of one prediction: 1, or the classes of a task."""
        return self.tasks.num_outputs

    @property
    def classifies(self) -> bool:
        """Whether tasks are of classes, judged by cross-entropy and accuracy."""
        return self.tasks.classifies


def _check_algorithm(config: RunConfig) -> None:
    """Refuse switches that cannot act together: a switch that does nothing would be a wrong label on a result."""
    traits = TRAITS[config.algorithm]
    unrolled = traits.unrolls
    for switch in ("multi_step_loss", "per_step_rates", "anneal_order", "recompute"):
        if getattr(config, switch) and not unrolled:
            raise ConfigError(
                switch, True, f"{config.algorithm} does not differentiate through inner steps; switch it off"
            )
    if config.order == "first" and not unrolled:
        raise ConfigError(
            "order", "first", f"{config.algorithm} has no second-order term to leave out; keep it at second"
        )
    if config.order == "first" and config.anneal_order:
        raise ConfigError("anneal_order", True, "the order is first throughout; choose order second, or switch it off")
    if config.per_step_rates and traits.learns != "nothing":
        what = "rates of its own" if traits.learns == "rates" else "how gradients are scaled"
        raise ConfigError("per_step_rates", True, f"{config.algorithm} learns {what}; choose one of the two")
    _check_normalization(config)
    if config.num_inner_steps == 0 and (who := needs_inner_steps(config)):
        raise ConfigError("num_inner_steps", 0, f"{who} needs at least one inner step")
    if config.alpha <= 0.0 and traits.needs_alpha:
        raise ConfigError("alpha", config.alpha, f"{config.algorithm} needs a step size above 0")
    if config.test_alpha is not None and learns_rates(config):
        raise ConfigError(
            "test_alpha", config.test_alpha, "the inner step sizes are learned, at test too; leave it out"
        )


def _check_images(config: RunConfig) -> None:
    """Refuse what cannot be had of images, and image networks without them."""
    if config.image_shape is None:
        if config.head == "shared" and config.num_outputs == 1:
            raise ConfigError(
                "head", "shared", "there is one output, and nothing to share; choose learned, or image tasks"
            )
        if isinstance(config.model, ConvConfig):
            raise ConfigError("model", "conv", "a convolutional network needs images; choose image tasks, or an mlp")
        return
    if config.oracle_baseline:
        raise ConfigError("oracle_baseline", True, "image tasks have no parameters to tell an oracle; switch it off")
    match config.model:
        case ConvConfig(downsample="max_pool", num_layers=layers) if min(config.image_shape[1:]) < 2**layers:
            size = config.image_shape[1]
            accepted = f"max_pool halves images of {size} pixels to nothing; take fewer layers, or stride"
            raise ConfigError("num_layers", layers, accepted)
    if isinstance(config.tasks, OmniglotConfig) and config.shots + config.num_query > DRAWINGS:
        accepted = f"shots + num_query at most {DRAWINGS}, the drawings of a character; ask for fewer"
        raise ConfigError("num_query", config.num_query, accepted)


def _check_normalization(config: RunConfig) -> None:
    if not config.model.batch_norm:
        for name, without in (("batch_norm_treatment", "batch"), ("per_step_norm", False)):
            if getattr(config, name) != without:
                raise ConfigError(
                    name, getattr(config, name), f"the model has no batch norm; switch it on, or choose {without}"
                )
    if config.per_step_statistics and config.batch_norm_treatment != "running":
        raise ConfigError(
            "per_step_statistics",
            True,
            "running averages act with the treatment running only; choose it, or switch off",
        )


def needs_inner_steps(config: RunConfig) -> str:
    """The switch or algorithm that means nothing at N = 0; empty where N = 0 is accepted."""
    switches = ("multi_step_loss", "per_step_rates", "per_step_norm", "per_step_statistics")
    on = [name for name in switches if getattr(config, name)]
    if config.head != "learned":
        on.append(f"a {config.head} head")
    return next(iter(on), "" if config.algorithm == "maml" else config.algorithm)


ALIASES: Mapping[str, Mapping[str, Any]] = {"fomaml": {"algorithm": "maml", "order": "first"}}
"""Algorithms by other names: what is meant."""

SHORT_NAMES: Mapping[str, str] = {"N": "num_inner_steps"}
"""Well-known short names of settings, as files and the command line take them; each is an option with one dash, too."""

CHANGEABLE = frozenset(
    {
        "alpha",
        "test_alpha",
        "num_inner_steps",
        "order",
        "beta",
        "outer_optimizer",
        "clip_norm",
        "recompute",
        "shots",
        "num_query",
        "meta_batch_size",
        "evaluation_steps",
        "joint_baseline",
        "oracle_baseline",
    }
)
"""Fields of `RunConfig` that may change while a run trains."""

BESIDE_TRAINING = frozenset(
    {
        "test_alpha",
        "evaluation_seed",
        "evaluation_tasks",
        "evaluation_steps",
        "evaluate_every",
        "joint_baseline",
        "oracle_baseline",
    }
)
"""Fields that no outer step of theta_0 depends on: what is measured of it, and what is trained beside it. The loss that counts as diverged is
measured on held-out tasks, and a baseline that diverges takes the run back with it.
"""


def replace(config: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """A copy of `config` with some fields changed.

    Raises:
        ConfigError: Unknown field, wrong type or value out of range.
    """
    unknown = set(changes) - {f.name for f in dataclasses.fields(config)}
    if unknown:
        name = min(unknown)
        raise ConfigError(
            name,
            changes[name],
            f"no such field; the fields are {', '.join(f.name for f in dataclasses.fields(config))}",
        )
    return dataclasses.replace(config, **changes)


def check_is_config(config: object) -> None:
    """Refuse what is no `RunConfig` where one is expected.

    Raises:
        ConfigError: It is a table of settings, say.
    """
    if not isinstance(config, RunConfig):
        way = (
            "from_dict(settings) makes one of a table"
            if isinstance(config, Mapping)
            else "RunConfig(alpha=0.02) makes one"
        )
        shown = f"a {config.__name__} class" if isinstance(config, type) else f"a {type(config).__name__}"
        raise ConfigError("config", shown, f"a RunConfig is expected; {way}")


def learns_rates(config: RunConfig) -> bool:
    """Whether the inner step sizes are learned; alpha is then only where they start."""
    return TRAITS[config.algorithm].learns == "rates" or config.per_step_rates


def learns_inner_loop(config: RunConfig) -> bool:
    """Whether the outer loop learns more than theta_0: step sizes, or the matrices of Meta-Curvature."""
    return TRAITS[config.algorithm].learns != "nothing" or config.per_step_rates


def changed(config: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """`replace` for a run that trains: the set-up after a change.

    Raises:
        ConfigError: A field that cannot change while a run trains, or a value that is not accepted.
    """
    fixed = sorted(set(changes) - CHANGEABLE)
    if fixed:
        accepted = f"it cannot change while a run trains; start a new run. What can: {', '.join(sorted(CHANGEABLE))}"
        raise ConfigError(fixed[0], changes[fixed[0]], accepted)
    new = replace(config, changes)
    if new.alpha != config.alpha and learns_rates(config):
        accepted = "the inner step sizes are learned and alpha is only where they start; start a new run"
        raise ConfigError("alpha", new.alpha, accepted)
    return new


Tasks = TypeVar("Tasks", bound=RunTasks)


def at_test(tasks: Tasks) -> Tasks:
    """The family that held-out tasks are drawn from: of each setting ``test_...`` that is there, the one that it is called after has its value.

    >>> at_test(SinusoidConfig(test_amplitude=(5.0, 7.5))).amplitude
    (5.0, 7.5)
    """
    names = {f.name for f in dataclasses.fields(tasks)}
    ranges = {name: getattr(tasks, f"test_{name}") for name in names if f"test_{name}" in names}
    changes: dict[str, Any] = {}
    for name, value in ranges.items():
        if value is not None:
            changes |= {name: value, f"test_{name}": None}
    return dataclasses.replace(tasks, **changes) if changes else tasks


def located(config: RunConfig) -> RunConfig:
    """The config with the whole path of its folder of images: what is kept or exported is used from elsewhere too.

    >>> located(RunConfig(tasks=FolderConfig(folder="/data/birds"))).tasks.folder
    '/data/birds'
    """
    tasks = config.tasks
    if not isinstance(tasks, FolderConfig) or not tasks.folder:
        return config
    if PurePosixPath(tasks.folder).is_absolute() or PureWindowsPath(tasks.folder).is_absolute():
        return config  # maybe a whole path of another system
    folder = os.path.abspath(os.path.expanduser(tasks.folder))
    return dataclasses.replace(config, tasks=dataclasses.replace(tasks, folder=folder))


def from_dict(data: Mapping[str, Any]) -> RunConfig:
    """The `RunConfig` of `to_dict`'s output; missing fields take their defaults.

    Raises:
        ConfigError: Unknown key, wrong type or value out of range; `field` is a dotted path such as ``tasks.amplitude``.
    """
    config: RunConfig = read_dict(RunConfig, data)
    return config
