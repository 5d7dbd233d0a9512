"""What walks choose from: words of lists, values that are taken and such that are refused."""

from __future__ import annotations

from typing import Any

from dashboard.setups.algorithms import HEADS, NAMES, NORMS
from dashboard.setups.choices import FAMILY_NAMES
from dashboard.setups.sweep_draft import LIVE

WORDS: dict[str, dict[str, str]] = {
    "family": FAMILY_NAMES,
    "algorithm": dict(NAMES),
    "norm": dict(NORMS),
    "order": {"second": "Second", "first": "First"},
    "outer_optimizer": {"adam": "Adam", "sgd": "Plain SGD"},
    "model": {"conv": "Convolutional", "mlp": "MLP"},
    "head": dict(HEADS),
    "labels": {"shuffled": "Shuffled", "fixed": "Fixed"},
    "downsample": {"stride": "Stride of 2", "max_pool": "Max-pool"},
    "activation": {name: name for name in ("relu", "tanh", "gelu", "softplus")},
}
"""What the choices of lists and segments are called, by setting."""

SEGMENTS = ("order", "outer_optimizer", "model", "labels")

VALUES: dict[str, tuple[Any, ...]] = {
    "shots": (1, 2, 5, 9, 12),
    "meta_batch_size": (1, 4, 10, 12),
    "num_query": (1, 3, 10, 15),
    "ways": (2, 3, 5),
    "seed": (0, 1, 7, 2147483647),
    "num_filters": (2, 4, 8),
    "num_layers": (2, 3, 4),
    "evaluation_steps": (0, 3, 5, 10),
    "noise_std": (0.0, 0.1, 0.5),
    "proximal": (1.0, 5.0, 20.0),
    "num_solver_steps": (1, 5, 9),
    "multi_step_epochs": (1, 15, 20),
    "first_order_epochs": (1, 10, 50),
    "num_epochs": (2, 60, 100),
    "final_beta": (0.0001, 0.001),
    "epoch_steps": (5, 50, 500),
    "difficulty": (0.0, 0.3, 0.55, 1.0),
    "hidden_widths": ("40,40", "8", "none", "16,8,4"),
    "clip_norm": ("none", "1", "10", "0.5"),
    "frequency": ("1,1", "0.8,1.2", "2,2"),
    "test_amplitude": ("none", "5,7.5"),
    "test_phase_rad": ("none", "3,6"),
    "test_x": ("none", "5,6"),
    "test_difficulty": ("none", "0.9"),
    "test_alpha": ("none", "0.05", "0"),
    "num_training_tasks": ("none", "1", "3", "100"),
}

BAD: dict[str, tuple[Any, ...]] = {
    "shots": (0, 101),
    "meta_batch_size": (0, 501),
    "seed": (-1,),
    "num_query": (0,),
    "hidden_widths": ("forty", "0", "4.5"),
    "clip_norm": ("0", "much"),
    "frequency": ("2,1", "fast", "1"),
    "test_x": ("2,1", "far"),
    "test_alpha": ("101", "large"),
    "num_training_tasks": ("0", "2.5", "many"),
    "noise_std": (-1.0,),
    "evaluation_steps": (-1, 101),
}

SWEEP: dict[str, tuple[Any, ...]] = {
    "num_steps": (50, 120, 300),
    "num_seeds": (1, 2, 3),
    "num_rungs": (2, 4, 6),
    "num_settings": (16, 64),
    "prune_percent": (0, 30),
    "sampler": ("grid", "random", "sobol", "tpe"),
    "grid_order": ("coarse", "plain"),
    "others": ("", "amplitude=0.1..5,0.1..1", "depth=1,2"),
    "base": (LIVE, "Fast demo", "Reptile", "Glyphs, fast demo"),
    "name": ("", "one", "a sweep"),
    "alpha.low": (0.001, 0.003),
    "alpha.high": (0.1, 0.3),
    "alpha.points": (3, 8),
    "beta.low": (0.0003, 0.001),
    "beta.high": (0.01, 0.03),
    "beta.points": (2, 5),
    "num_inner_steps.list": ("1, 3", "2, 5, 10"),
    "shots.list": ("3, 9", "5"),
    "scheduler": ("", "tcp://nowhere:8786"),
    "storage": ("", "sqlite:////tmp/nowhere/study.db"),
}
"""Values of the form's fields, by the names of their widgets."""

NOT_IN_THE_ADDRESS = ("scheduler", "storage")
"""Fields of the form that a reload empties."""

DIALS: dict[str, tuple[float, ...]] = {
    "alpha": (0.005, 0.01, 0.02, 0.03),
    "beta": (0.0005, 0.001, 0.002),
    "num_inner_steps": (1, 2, 3, 5),
}

POPOVERS = {
    "live": ("More settings", "MAML++ switches", "Runs"),
    "sensitivity": ("Rungs and pruning", "Past one machine", "Earlier sweeps"),
}

PRESET_NAMES = ("Fast demo", "ANIL", "MAML++", "Reptile", "iMAML", "Glyphs, fast demo", "Glyphs, inductive")

WINDOWS = ((1440, 900), (1280, 720), (1024, 768), (820, 1180))
