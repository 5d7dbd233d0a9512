"""MAML and first-order MAML as a script of plain PyTorch, which needs no `maml_core`."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from string import Template
from typing import Any, NamedTuple

from maml_core.config import BESIDE_TRAINING, LinearConfig, MLPConfig, RunConfig, SinusoidConfig, changed
from maml_core.exports.source import bracketed, differences, source
from maml_core.records import Entry
from maml_core.rng import WHICH, Stream

_WRITTEN = {
    RunConfig: {
        *("alpha", "num_inner_steps", "order", "beta", "outer_optimizer", "adam_betas", "adam_eps", "clip_norm"),
        *("shots", "num_query", "meta_batch_size", "num_training_tasks", "weights_seed", "tasks_seed", "dtype"),
    },
    SinusoidConfig: {"amplitude", "phase_rad", "frequency", "x", "noise_std"},
    LinearConfig: {"num_features", "w_mean", "w_std", "x", "noise_std"},
    MLPConfig: {"hidden_widths", "activation", "use_bias"},
}
"""The settings that the plain script can say."""

_SILENT = {
    *BESIDE_TRAINING,
    "recompute",
    *("epoch_steps", "num_epochs", "multi_step_epochs", "first_order_epochs", "final_beta"),
    *("proximal", "num_solver_steps", "norm_momentum"),
    *("test_amplitude", "test_phase_rad", "test_x"),
}
"""Settings that do not touch the training curve, at least while all that is not written has its default."""


def is_plain(config: Any) -> bool:
    """Whether the plain script can say all that this config says; a setting that it does not know needs its default."""
    if type(config) not in _WRITTEN:
        return False
    for name, value in differences(config).items():
        known = is_plain(value) if dataclasses.is_dataclass(value) else name in _WRITTEN[type(config)] | _SILENT
        if not known:
            return False
    return True


_PLAIN = '''\
"""$title, in plain PyTorch: the training curve of a run.

Prints each outer step and its query loss: after N inner steps, mean over the step's tasks.
"""

import math

import torch

alpha, beta, N = $alpha, $beta, $N  # inner and outer step size, number of inner steps
T, K, M = $T, $K, $M  # tasks of an outer step; support and query points of a task
num_tasks = $num_tasks  # different tasks, among which those of each step are  #? few
second_order = $second_order  # True: MAML, False: FOMAML  #? order
clip_norm = $clip_norm  # largest norm of the meta-gradient  #? clip
weights_seed, tasks_seed, dtype = $weights_seed, $tasks_seed, torch.$dtype
# Changed before these outer steps: $changing.  #? changes
changes = $changes  #? changes


def random_bits(seed, stream, step=0, part=0):
    """64 bits at a time that depend on these four alone: Philox (Salmon et al. 2011)."""
    block, mask = 0, 2**64 - 1
    while True:
        block += 1
        c0, c1, c2, c3, k0, k1 = block, 0, part, step, seed, stream
        for _ in range(10):
            a, b = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
            c0, c1, c2, c3 = (b >> 64) ^ c1 ^ k0, b & mask, (a >> 64) ^ c3 ^ k1, a & mask
            k0, k1 = (k0 + 0x9E3779B97F4A7C15) & mask, (k1 + 0xBB67AE8584CAA73B) & mask
        yield from (c0, c1, c2, c3)


def numbers(draw, bits, *shape):
    """So many numbers, one after the other from the same bits."""
    drawn = [draw(bits) for _ in range(math.prod(shape))]
    return torch.tensor(drawn, dtype=torch.float64).view(shape)


def uniform(bits):
    """A number from 0 to 1."""
    return (next(bits) >> 11) / 2**53
$normal

def initial_weights():
    """Glorot-uniform weights (Glorot & Bengio 2010)$and_biases."""
    bits, theta = random_bits(weights_seed, $weights_stream), []
    widths = $widths
    for fan_in, fan_out in zip(widths, widths[1:]):
        bound = math.sqrt(6 / (fan_in + fan_out))
        theta += [(2 * numbers(uniform, bits, fan_in, fan_out) - 1) * bound$zeros]
    return [values.to(dtype).requires_grad_() for values in theta]


def draw_tasks(step):
    """T tasks $formula, each as support x and y, query x and y."""
    bits = random_bits(tasks_seed, $tasks_stream, step)  #? endless
    bits = random_bits(tasks_seed, $tasks_stream)  #? few
    low, high = torch.tensor([[$low], [$high]], dtype=torch.float64)  #? sinusoid
    drawn = low + (high - low) * numbers(uniform, bits, $count, $num_parameters)  #? sinusoid
    $parameters = drawn.to(dtype).T[:, :, None]  #? sinusoid
    w = ($w_mean + $w_std * numbers(normal, bits, $count, $F)).to(dtype)  #? linear
    bits = random_bits(tasks_seed, $tasks_stream, step, $which_part)  #? few
    which = (num_tasks * numbers(uniform, bits, T)).long()  #? few
    $parameters = $parameters_of_which  #? few sinusoids
    w = w[which]  #? few lines
    tasks = []
    for points, part in [(K, 1), (M, 2)]:
        x = numbers(uniform, random_bits(tasks_seed, $tasks_stream, step, part), points, T, $F)
        x = ($x_low + $x_width * x).to(dtype)
        y = A * torch.sin($frequency_times_x - phase)  #? sinusoid
        y = (w * x).sum(dim=2, keepdim=True)  #? linear
        bits = random_bits(tasks_seed, $tasks_stream, step, part + 2)  #? noise
        y += $noise_std * numbers(normal, bits, *y.shape).to(dtype)  #? noise
        # Points lie on the first axis, so that fewer are a prefix of more; unbind parts the tasks.
        tasks += [x.unbind(1), y.unbind(1)]
    return zip(*tasks)


def loss(theta, x, y):
    """Mean squared error of the network's predictions."""
    $unpacked = theta
    $hidden  #? hidden
    return ($output - y).square().mean()


theta_0 = initial_weights()
optimizer = $optimizer
print("# outer step, query loss")
for step in range($num_steps):
    if step in changes:  #? changes
        $changing = changes[step]  #? changes
        optimizer.param_groups[0]["lr"] = beta  #? beta
        if restart == "adam":  #? to adam
            optimizer = $adam  #? to adam
        if restart == "sgd":  #? to sgd
            optimizer = $sgd  #? to sgd
    query_loss = 0
    for support_x, support_y, query_x, query_y in draw_tasks(step):
        theta = theta_0
        for _ in range(N):  # theta_i = theta_{i-1} - alpha * grad L_support(theta_{i-1})
            support_loss = loss(theta, support_x, support_y)
            # $about_order
            gradient = torch.autograd.grad(support_loss, theta, create_graph=$create_graph)
            theta = [p - alpha * g for p, g in zip(theta, gradient)]
        query_loss += loss(theta, query_x, query_y) / T
    # theta_0 <- theta_0 - beta * grad_{theta_0} mean over tasks of L_query(theta_N(theta_0))
    optimizer.zero_grad()
    query_loss.backward()
    norm = sum(p.grad.square().sum() for p in theta_0).sqrt()  #? clip
    for p in theta_0:  #? clip
        p.grad *= (clip_norm / norm).clamp(max=1.0)  #? clip
    optimizer.step()
    print(step, query_loss.item())
print("# Here the run diverged and went back, which only maml_core's replay can follow.")  #? stopped
'''
"""The script with everything in it. A line that ends in ``#? fact`` is there only where the fact holds."""

_NORMAL = '''

def density(x):
    """Density of the normal distribution, up to a factor."""
    return math.exp(-x * x / 2)


# The ziggurat: 256 layers of one area lie under the density, each as wide as edges[layer].
tail = 3.6541528853610088
area = tail * density(tail) + math.sqrt(math.pi / 2) * math.erfc(tail / math.sqrt(2))
edges = [area / density(tail), tail]
while len(edges) < 256:
    edges.append(math.sqrt(-2 * math.log(area / edges[-1] + density(edges[-1]))))
edges.append(0.0)


def normal(bits):
    """A normally distributed number (Marsaglia & Tsang 2000), of mean 0 and deviation 1."""
    while True:
        word = next(bits)
        layer, sign = -word % 256, -1 if word >> 8 & 1 else 1
        x = (word >> 9 & 2**52 - 1) / 2**52 * edges[layer]
        if x < edges[layer + 1]:
            return sign * x
        if layer > 0:
            low, high = density(edges[layer]), density(edges[layer + 1])
            if low + (high - low) * uniform(bits) < density(x):
                return sign * x
            continue
        while True:  # beyond the last edge
            x, y = -math.log1p(-uniform(bits)) / tail, -math.log1p(-uniform(bits))
            if 2 * y > x * x:
                return -(tail + x) if word >> 17 & 1 else tail + x
'''
"""What the script needs for normally distributed numbers."""

_SYMBOLS = {
    "alpha": "alpha",
    "beta": "beta",
    "num_inner_steps": "N",
    "meta_batch_size": "T",
    "shots": "K",
    "num_query": "M",
    "order": "second_order",
    "clip_norm": "clip_norm",
}
"""What the script calls the settings that may change; the optimizer is a matter of its own."""

_ACTIVATIONS = {
    "relu": "torch.relu",
    "tanh": "torch.tanh",
    "gelu": "torch.nn.functional.gelu",
    "softplus": "torch.nn.functional.softplus",
}

_TITLES = {
    ("True",): "MAML (Finn et al. 2017)",
    ("False",): "First-order MAML (Finn et al. 2017)",
    ("False", "True"): "MAML (Finn et al. 2017) and its first-order form",
}
"""By the values that `second_order` has in the run."""

_ABOUT_ORDER = {
    ("True",): "The gradient's own graph is kept, to be differentiated again: second order.",
    ("False",): "Without a graph of its own the gradient is a constant: first order.",
    ("False", "True"): "With a graph of its own the gradient is differentiated again, else it is a constant.",
}


def plain_script(start: RunConfig, entries: Sequence[Entry], num_steps: int) -> str:
    """The script of a run whose config `is_plain`, as `script` takes it; up to its first roll-back."""
    # A run is resumed only after a roll-back, also where the timeline has no note of one.
    tasks, model = start.tasks, start.model
    assert isinstance(tasks, SinusoidConfig | LinearConfig)
    assert isinstance(model, MLPConfig)
    stops = [e.step for e in entries if e.kind == "rollback" or (e.kind == "resume" and e.step > 0)]
    end = min([num_steps, *stops])
    start, rows = _set_ups(start, [e for e in entries if e.kind == "change" and e.step < end])
    seen = {
        name: {_symbol(config, name) for config in (start, *(row.config for row in rows.values()))} for name in _SYMBOLS
    }
    varying = [name for name, values in seen.items() if len(values) > 1]
    orders, restarts = tuple(sorted(seen["order"])), {row.restart for row in rows.values() if row.restart}
    changes = _changes(start, rows, varying, with_restart=bool(restarts))
    optimizers = {"adam": _adam(start), "sgd": "torch.optim.SGD(theta_0, lr=beta)"}
    texts = {symbol: _symbol(start, name) for name, symbol in _SYMBOLS.items()} | {
        "title": _TITLES[orders],
        "about_order": _ABOUT_ORDER[orders],
        "create_graph": _SYMBOLS["order"] if "order" in varying else orders[0],
        "changing": ", ".join([*(_SYMBOLS[name] for name in varying), *(["restart"] if restarts else [])]),
        "changes": bracketed("{", changes, "}"),
        "optimizer": optimizers[start.outer_optimizer],
        "weights_seed": str(start.weights_seed),
        "weights_stream": str(int(Stream.WEIGHTS)),
        "tasks_seed": str(start.tasks_seed),
        "tasks_stream": str(int(Stream.TRAINING_TASKS)),
        "dtype": start.dtype,
        "num_steps": str(end),
        "num_tasks": str(start.num_training_tasks),
        "count": "T" if start.num_training_tasks is None else "num_tasks",
        "which_part": str(WHICH),
        "normal": _NORMAL if tasks.noise_std > 0.0 or isinstance(tasks, LinearConfig) else "",
    }
    facts = {
        "changes": bool(changes),
        "to adam": "adam" in restarts,
        "to sgd": "sgd" in restarts,
        "beta": "beta" in varying,
        "order": "order" in varying,
        "clip": seen["clip_norm"] != {"math.inf"},
        "hidden": bool(model.hidden_widths),
        "sinusoid": isinstance(tasks, SinusoidConfig),
        "linear": not isinstance(tasks, SinusoidConfig),
        "noise": tasks.noise_std > 0.0,
        "endless": start.num_training_tasks is None,
        "few": start.num_training_tasks is not None,
        "few sinusoids": start.num_training_tasks is not None and isinstance(tasks, SinusoidConfig),
        "few lines": start.num_training_tasks is not None and isinstance(tasks, LinearConfig),
        "stopped": end in stops,
    }
    lines = []
    for line in _PLAIN.splitlines():
        text, _, fact = line.partition("  #? ")
        if not fact or facts[fact]:
            lines.append(text)
    return Template("\n".join(lines) + "\n").substitute(
        texts | optimizers | _task_texts(tasks) | _network_texts(model, start.num_inputs)
    )


class _SetUp(NamedTuple):
    """What holds from an outer step on."""

    config: RunConfig
    restart: str | None
    """The outer optimizer, where another one starts here: it remembers nothing."""


def _set_ups(start: RunConfig, changes: Sequence[Entry]) -> tuple[RunConfig, dict[int, _SetUp]]:
    """The set-up of outer step 0 with the changes made there, and those of all later steps at which something was changed."""
    rows: dict[int, _SetUp] = {}
    config = start
    for entry in changes:
        before, config = config, changed(config, entry.changes)
        restarted = config.outer_optimizer != before.outer_optimizer or (
            entry.step in rows and rows[entry.step].restart is not None
        )
        rows[entry.step] = _SetUp(config, config.outer_optimizer if restarted else None)
    return rows.pop(0, _SetUp(start, None)).config, rows


def _changes(start: RunConfig, rows: Mapping[int, _SetUp], names: Sequence[str], *, with_restart: bool) -> list[str]:
    """Entries of the script's table: the new values of all settings that ever change, at each step at which one does."""
    items, before = [], [_symbol(start, name) for name in names]
    for step, row in rows.items():
        now = [_symbol(row.config, name) for name in names]
        if now != before or row.restart:
            values = [*now, source(row.restart)] if with_restart else now
            items.append(f"{step}: {values[0]}" if len(values) == 1 else f"{step}: ({', '.join(values)})")
        before = now
    return items


def _symbol(config: RunConfig, name: str) -> str:
    """The value that the script gives to the symbol of a setting."""
    value = getattr(config, name)
    if name == "order":
        return str(value == "second")
    return _number(value)


def _number(value: float | None) -> str:
    if value is None:  # no clipping
        return "math.inf"
    return "math.pi" if value == math.pi else repr(value)


def _adam(config: RunConfig) -> str:
    default = RunConfig()
    betas = f", betas={config.adam_betas}" if config.adam_betas != default.adam_betas else ""
    eps = f", eps={config.adam_eps}" if config.adam_eps != default.adam_eps else ""
    return f"torch.optim.Adam(theta_0, lr=beta{betas}{eps})"


def _task_texts(tasks: SinusoidConfig | LinearConfig) -> dict[str, str]:
    low, high = tasks.x
    texts = {"x_low": _number(low), "x_width": _number(high - low), "noise_std": _number(tasks.noise_std)}
    noise = " + noise" if tasks.noise_std > 0.0 else ""
    if isinstance(tasks, SinusoidConfig):
        lows, highs = zip(*tasks.parameter_ranges, strict=True)
        ends = {"low": ", ".join(map(_number, lows)), "high": ", ".join(map(_number, highs))}
        names = ["A", "phase", "f"][: len(lows)]
        of_tasks = {
            "parameters": ", ".join(names),
            "parameters_of_which": ", ".join(f"{name}[which]" for name in names),
            "num_parameters": str(len(names)),
            "frequency_times_x": "f * x" if tasks.has_frequency else "x",
        }
        inside = "f x" if tasks.has_frequency else "x"
        return texts | ends | of_tasks | {"formula": f"y = A sin({inside} - phase){noise}", "F": "1"}
    weights = {"w_mean": _number(tasks.w_mean), "w_std": _number(tasks.w_std)}
    return texts | weights | {"formula": f"y = w . x{noise}", "F": str(tasks.num_features)}


def _network_texts(model: MLPConfig, num_inputs: int) -> dict[str, str]:
    last = len(model.hidden_widths) + 1
    names = [f"W{layer}, b{layer}" if model.use_bias else f"W{layer}" for layer in range(1, last + 1)]
    maps = [f"x @ W{layer} + b{layer}" if model.use_bias else f"x @ W{layer}" for layer in range(1, last + 1)]
    return {
        "widths": repr([num_inputs, *model.hidden_widths, 1]),
        "zeros": ", torch.zeros(fan_out)" if model.use_bias else "",
        "and_biases": ", zero biases" if model.use_bias else "",
        "unpacked": "(W1,)" if names == ["W1"] else ", ".join(names),
        "hidden": "\n    ".join(f"x = {_ACTIVATIONS[model.activation]}({text})" for text in maps[:-1]),
        "output": maps[-1] if model.use_bias else f"({maps[-1]})",
    }
