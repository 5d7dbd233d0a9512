"""The engine of MAML, live: model-agnostic meta-learning as pure functions on plain values.

Public names load when they are first used, so that `maml_core.config`, `maml_core.execution` and the other torch-free modules stay
light for whoever only submits work.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import typing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maml_core.baselines import evaluate_baselines, evaluate_oracle, oracle_problem
    from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
    from maml_core.cluster import ClusterExecutor, open_executor
    from maml_core.config import (
        ConvConfig,
        FolderConfig,
        GlyphsConfig,
        LinearConfig,
        MLPConfig,
        OmniglotConfig,
        PythonConfig,
        RunConfig,
        SinusoidConfig,
        from_dict,
        replace,
        to_dict,
    )
    from maml_core.datasets.folder import load_folder
    from maml_core.datasets.imageset import ImageSet
    from maml_core.datasets.omniglot import download_omniglot, find_omniglot, import_omniglot, load_omniglot
    from maml_core.errors import ClusterError, ConfigError, DataError, StateError, StoreError
    from maml_core.evaluation import Evaluation, evaluate, summarize
    from maml_core.execution import ChunkPool
    from maml_core.exports.curves import curves_csv, write_tensorboard
    from maml_core.exports.script import script
    from maml_core.inner import Adaptation, Adapted, adapt
    from maml_core.inner_optimizers import InnerOptimizer, adam, chained, momentum, weight_decay
    from maml_core.intervals import paired_difference
    from maml_core.iterating import Stretch, iterate
    from maml_core.losses import accuracy, cross_entropy, mse, per_task
    from maml_core.meta_learner import MetaLearner
    from maml_core.models import MLP, ConvNet, Model, ModuleModel
    from maml_core.outer import MetaGradient, meta_gradient
    from maml_core.own_code import tasks_named
    from maml_core.points import read_points
    from maml_core.prediction import predict
    from maml_core.presets import PRESETS
    from maml_core.problem import Problem, build_problem, held_out_tasks, training_tasks
    from maml_core.records import Demonstration, Entry, PairedDifference, Records, Status, Summary, View
    from maml_core.rng import Stream, generator
    from maml_core.run_state import RunState, rule
    from maml_core.runs import advance, advance_through, apply_entry, init_run, replay
    from maml_core.scratch import ScratchResult, from_scratch
    from maml_core.snapshots import snapshot
    from maml_core.state_bytes import state_from_bytes, state_to_bytes
    from maml_core.store import RunInfo, RunStore, SavedRun, default_root, load_run, save_run
    from maml_core.store.travel import state_at
    from maml_core.sweeps.axes import Axis, axis_from_text
    from maml_core.sweeps.chunks import LanesRequest, LanesResult, run_lanes
    from maml_core.sweeps.definition import SweepConfig
    from maml_core.sweeps.driver import run_sweep
    from maml_core.sweeps.findings import read
    from maml_core.sweeps.frozen import FrozenMap, frozen_map
    from maml_core.sweeps.paired import task_losses
    from maml_core.sweeps.results import SettingResult
    from maml_core.sweeps.study import load_sweep, open_study
    from maml_core.sweeps.tables import map_of, table
    from maml_core.tasks import FewShotImages, Regression, StreamTasks, TableTasks, TaskFamily
    from maml_core.tasks.family import SPLITS
    from maml_core.tasks.images import DrawnImages, ImageSource
    from maml_core.timeline import entries_from_list, entries_to_list
    from maml_core.types import Examples, Params, Tasks
    from maml_core.weights import fine_tune, load_state_dict, plain_module, state_dict

_HOMES = {
    "baselines": ("evaluate_baselines", "evaluate_oracle", "oracle_problem"),
    "chunks": ("ChunkRequest", "ChunkResult", "run_chunk"),
    "cluster": ("ClusterExecutor", "open_executor"),
    "config": (
        "ConvConfig",
        "FolderConfig",
        "GlyphsConfig",
        "LinearConfig",
        "MLPConfig",
        "OmniglotConfig",
        "PythonConfig",
        "RunConfig",
        "SinusoidConfig",
        "from_dict",
        "replace",
        "to_dict",
    ),
    "datasets.folder": ("load_folder",),
    "datasets.imageset": ("ImageSet",),
    "datasets.omniglot": ("download_omniglot", "find_omniglot", "import_omniglot", "load_omniglot"),
    "errors": ("ClusterError", "ConfigError", "DataError", "StateError", "StoreError"),
    "evaluation": ("Evaluation", "evaluate", "summarize"),
    "execution": ("ChunkPool",),
    "exports.curves": ("curves_csv", "write_tensorboard"),
    "exports.script": ("script",),
    "intervals": ("paired_difference",),
    "inner": ("Adaptation", "Adapted", "adapt"),
    "inner_optimizers": ("InnerOptimizer", "adam", "chained", "momentum", "weight_decay"),
    "iterating": ("Stretch", "iterate"),
    "losses": ("accuracy", "cross_entropy", "mse", "per_task"),
    "meta_learner": ("MetaLearner",),
    "models": ("MLP", "ConvNet", "Model", "ModuleModel"),
    "outer": ("MetaGradient", "meta_gradient"),
    "own_code": ("tasks_named",),
    "points": ("read_points",),
    "prediction": ("predict",),
    "presets": ("PRESETS",),
    "problem": ("Problem", "build_problem", "held_out_tasks", "training_tasks"),
    "records": ("Demonstration", "Entry", "PairedDifference", "Records", "Status", "Summary", "View"),
    "rng": ("Stream", "generator"),
    "run_state": ("RunState", "rule"),
    "runs": ("advance", "advance_through", "apply_entry", "init_run", "replay"),
    "scratch": ("ScratchResult", "from_scratch"),
    "snapshots": ("snapshot",),
    "state_bytes": ("state_from_bytes", "state_to_bytes"),
    "store": ("RunInfo", "RunStore", "SavedRun", "default_root", "load_run", "save_run"),
    "store.travel": ("state_at",),
    "sweeps.axes": ("Axis", "axis_from_text"),
    "sweeps.chunks": ("LanesRequest", "LanesResult", "run_lanes"),
    "sweeps.driver": ("run_sweep",),
    "sweeps.frozen": ("FrozenMap", "frozen_map"),
    "sweeps.paired": ("task_losses",),
    "sweeps.findings": ("read",),
    "sweeps.tables": ("map_of", "table"),
    "sweeps.results": ("SettingResult",),
    "sweeps.definition": ("SweepConfig",),
    "sweeps.study": ("load_sweep", "open_study"),
    "tasks": ("FewShotImages", "Regression", "StreamTasks", "TableTasks", "TaskFamily"),
    "tasks.family": ("SPLITS",),
    "tasks.images": ("DrawnImages", "ImageSource"),
    "timeline": ("entries_from_list", "entries_to_list"),
    "types": ("Examples", "Params", "Tasks"),
    "weights": ("fine_tune", "load_state_dict", "plain_module", "state_dict"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "MLP",
    "PRESETS",
    "SPLITS",
    "Adaptation",
    "Adapted",
    "Axis",
    "ChunkPool",
    "ChunkRequest",
    "ChunkResult",
    "ClusterError",
    "ClusterExecutor",
    "ConfigError",
    "ConvConfig",
    "ConvNet",
    "DataError",
    "Demonstration",
    "DrawnImages",
    "Entry",
    "Evaluation",
    "Examples",
    "FewShotImages",
    "FolderConfig",
    "FrozenMap",
    "GlyphsConfig",
    "ImageSet",
    "ImageSource",
    "InnerOptimizer",
    "LanesRequest",
    "LanesResult",
    "LinearConfig",
    "MLPConfig",
    "MetaGradient",
    "MetaLearner",
    "Model",
    "ModuleModel",
    "OmniglotConfig",
    "PairedDifference",
    "Params",
    "Problem",
    "PythonConfig",
    "Records",
    "Regression",
    "RunConfig",
    "RunInfo",
    "RunState",
    "RunStore",
    "SavedRun",
    "ScratchResult",
    "SettingResult",
    "SinusoidConfig",
    "StateError",
    "Status",
    "StoreError",
    "Stream",
    "StreamTasks",
    "Stretch",
    "Summary",
    "SweepConfig",
    "TableTasks",
    "TaskFamily",
    "Tasks",
    "View",
    "accuracy",
    "adam",
    "adapt",
    "advance",
    "advance_through",
    "apply_entry",
    "axis_from_text",
    "build_problem",
    "chained",
    "cross_entropy",
    "curves_csv",
    "default_root",
    "download_omniglot",
    "entries_from_list",
    "entries_to_list",
    "evaluate",
    "evaluate_baselines",
    "evaluate_oracle",
    "find_omniglot",
    "fine_tune",
    "from_dict",
    "from_scratch",
    "frozen_map",
    "generator",
    "held_out_tasks",
    "import_omniglot",
    "init_run",
    "iterate",
    "load_folder",
    "load_omniglot",
    "load_run",
    "load_state_dict",
    "load_sweep",
    "map_of",
    "meta_gradient",
    "momentum",
    "mse",
    "open_executor",
    "open_study",
    "oracle_problem",
    "paired_difference",
    "per_task",
    "plain_module",
    "predict",
    "read",
    "read_points",
    "replace",
    "replay",
    "rule",
    "run_chunk",
    "run_lanes",
    "run_sweep",
    "save_run",
    "script",
    "snapshot",
    "state_at",
    "state_dict",
    "state_from_bytes",
    "state_to_bytes",
    "summarize",
    "table",
    "task_losses",
    "tasks_named",
    "to_dict",
    "training_tasks",
    "weight_decay",
    "write_tensorboard",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.metadata.version("maml-live")
    if name.endswith("Config") and name not in _HOME_OF:
        config = importlib.import_module("maml_core.config")
        families = {family.__name__: family for family in typing.get_args(config.TaskConfig)}
        if name in families:  # a family is public as soon as a set-up can name it
            return families[name]
    if name not in _HOME_OF:
        raise AttributeError(f"module 'maml_core' has no attribute {name!r}")
    return getattr(importlib.import_module(f"maml_core.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    """All public names, loaded or not, for Tab completion and `help`."""
    return sorted({*globals(), *__all__, "__version__"})
