"""Modules of one's own: what torch cannot batch over tasks, weights that they bring, their head, and what is no model."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from maml_core import ModuleModel, Problem, RunConfig, View, advance, evaluate, init_run, rule, snapshot
from maml_core.errors import ConfigError
from maml_core.inner import Adaptation
from maml_core.params import over_tasks
from maml_core.problem import build_problem, training_tasks
from maml_core.types import Params, Tasks
from tests.maml_core.helpers import outer_gradient_at, same, tiny

TOLERANCE = 1e-10


class Recurrent(nn.Module):
    """A task's points as one sequence."""

    def __init__(self, kind: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.layer = kind(1, 4, batch_first=True)
        self.out = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden, _ = self.layer(x.unsqueeze(0))
        return self.out(hidden[0])


class ByHand(nn.Module):
    """`Recurrent(nn.RNN)` of elementary operations, which torch can batch; parameters of the same names."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.RNN(1, 4)
        self.out = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        layer, hidden, found = self.layer, x.new_zeros(4), []
        for point in x.unbind(0):
            new, old = layer.weight_ih_l0 @ point + layer.bias_ih_l0, layer.weight_hh_l0 @ hidden + layer.bias_hh_l0
            hidden = torch.tanh(new + old)
            found.append(hidden)
        return self.out(torch.stack(found))


class Cell(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(1, 4)
        self.out = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.cell(x))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.out = nn.Linear(1, 4), nn.Linear(4, 1)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.up(x).unsqueeze(0)
        return self.out(self.attention(rows, rows, rows)[0][0])


class Fused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.out = nn.Linear(1, 4), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.up(x).view(1, 1, -1, 4)
        return self.out(functional.scaled_dot_product_attention(rows, rows, rows)[0, 0])


class Branching(nn.Module):
    """Its way depends on a number that it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(1, 1), nn.Linear(1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.one(x)) if bool(x.mean() > 0) else torch.tanh(self.other(x))


class Shared(nn.Module):
    """The second layer is the first one's transpose: one tensor of two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(x.expand(-1, 4)))).sum(1, keepdim=True)


class Counting(nn.Module):
    """Changes a buffer in place at every call, and uses it."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return torch.tanh(self.layer(x)) * self.calls


def transformer() -> nn.Module:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.out = nn.Linear(1, 4), nn.Linear(4, 1)
            self.layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, dropout=0.0)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.layer(self.up(x).unsqueeze(0))[0])

    return Net()


MODULES: dict[str, Callable[[], nn.Module]] = {
    "LSTM": lambda: Recurrent(nn.LSTM),
    "GRU": lambda: Recurrent(nn.GRU),
    "RNN": lambda: Recurrent(nn.RNN),
    "GRUCell": Cell,
    "MultiheadAttention": Attention,
    "scaled dot product": Fused,
    "TransformerEncoderLayer": transformer,
    "branch": Branching,
    "shared weights": Shared,
    "buffer": Counting,
}
LOOPED = {"LSTM", "GRU", "RNN", "GRUCell", "branch"}
each_module = pytest.mark.parametrize("name", MODULES)


def made(name: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MODULES[name]().double()


def own(module: nn.Module, **arguments: Any) -> Problem:
    return Problem(family=build_problem(tiny()).family, model=ModuleModel(module, **arguments))


def meta_gradient_by_hand(module: nn.Module, tasks: Tasks, alpha: float, num_steps: int, order: str) -> Params:
    """Finn et al. (2017), task by task, with the module as it is in evaluation mode and fresh buffers at every call."""
    module.eval()
    theta_0 = {name: value.detach().clone().requires_grad_() for name, value in module.named_parameters()}

    def loss(theta: Params, x: Tensor, y: Tensor) -> Tensor:
        buffers = {name: value.clone() for name, value in module.named_buffers()}
        return (functional_call(module, {**theta, **buffers}, (x,)) - y).square().mean()

    total = torch.zeros((), dtype=torch.float64)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        for task in range(tasks.support.x.shape[0]):
            theta = theta_0
            for _ in range(num_steps):
                gradients = torch.autograd.grad(
                    loss(theta, tasks.support.x[task], tasks.support.y[task]),
                    list(theta.values()),
                    create_graph=order == "second",
                    allow_unused=True,
                    materialize_grads=True,
                )
                pairs = zip(theta.items(), gradients, strict=True)
                theta = {name: value - alpha * gradient for (name, value), gradient in pairs}
            total = total + loss(theta, tasks.query.x[task], tasks.query.y[task])
        found = torch.autograd.grad(
            total / tasks.support.x.shape[0], list(theta_0.values()), allow_unused=True, materialize_grads=True
        )
    return dict(zip(theta_0, found, strict=True))


@each_module
@pytest.mark.parametrize("order", ["second", "first"])
def test_the_meta_gradient_is_that_of_a_plain_loop(name: str, order: Any) -> None:
    module, config = made(name), tiny(alpha=0.1, num_inner_steps=2, order=order)
    problem, tasks = own(module), training_tasks(config, build_problem(config), 0)
    theta = problem.initial_theta(0, torch.float64)
    found = outer_gradient_at(config, theta, (), tasks, problem=problem, step=0, statistics={}).gradient
    expected = meta_gradient_by_hand(module, tasks, 0.1, 2, order)
    assert set(found) == set(expected)
    for of, value in expected.items():
        torch.testing.assert_close(found[of][0], value, rtol=1e-10, atol=TOLERANCE)


ALGORITHMS: dict[str, dict[str, Any]] = {
    "maml": {},
    "fomaml": {"order": "first"},
    "anil": {"algorithm": "anil"},
    "reptile": {"algorithm": "reptile"},
    "imaml": {"algorithm": "imaml"},
    "meta_sgd": {"algorithm": "meta_sgd"},
    "meta_curvature": {"algorithm": "meta_curvature"},
    "MSL and LSLR": {"multi_step_loss": True, "per_step_rates": True},
    "annealed": {"anneal_order": True, "anneal_beta": True, "epoch_steps": 2, "first_order_epochs": 1},
    "recompute": {"recompute": True},
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_module_in_a_loop_trains_as_the_same_in_elementary_operations(algorithm: str) -> None:
    """`nn.RNN`, called task by task, beside the same cell written out, batched: every algorithm, joint pretraining beside it."""
    config = tiny(alpha=0.1, num_inner_steps=2, **ALGORITHMS[algorithm])
    looped, written_out = made("RNN"), ByHand().double()
    written_out.load_state_dict(looped.state_dict())
    found = []
    for module in (looped, written_out):
        problem = own(module, head="out")
        state, records = advance(config, init_run(config, problem=problem), num_steps=4, problem=problem)
        assert state.status.kind == "ok"
        found.append((records.query_loss, records.joint_loss, state.meta.theta))
    for one, other in zip(found[0][:2], found[1][:2], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-9)
    for of, value in found[0][2].items():
        torch.testing.assert_close(value, found[1][2][of], rtol=0, atol=1e-7)


@each_module
def test_what_torch_cannot_batch_is_called_task_by_task_and_that_is_said_once(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    config, problem = tiny(num_inner_steps=2), own(made(name))
    with caplog.at_level(logging.WARNING):
        state = init_run(config, problem=problem)
        advance(config, state, num_steps=3, problem=problem)
    said = [text for text in caplog.messages if "once for each task" in text]
    assert len(said) == (1 if name in LOOPED else 0), said
    assert all("at the price of 4 calls where there would be one" in text for text in said)  # held-out tasks come first


@each_module
def test_lanes_side_by_side_are_the_lanes_alone(name: str) -> None:
    config, problem = tiny(num_inner_steps=2), own(made(name))
    tasks = training_tasks(config, problem, 0)
    theta = problem.initial_theta(0, torch.float64)
    other = {of: value + 0.1 for of, value in theta.items()}
    both = {of: torch.cat([value, other[of]]) for of, value in theta.items()}
    found = evaluate(both, tasks, problem=problem, how=Adaptation(0.1), num_steps=2).query_loss
    for lane, alone in enumerate((theta, other)):
        expected = evaluate(alone, tasks, problem=problem, how=Adaptation(0.1), num_steps=2).query_loss
        torch.testing.assert_close(found[:, lane], expected[:, 0], rtol=0, atol=TOLERANCE)


def test_torchs_own_switches_are_left_as_they_were() -> None:
    before = torch.backends.mha.get_fastpath_enabled(), torch.backends.cuda.flash_sdp_enabled()
    init_run(tiny(), problem=own(transformer().double()))
    assert (torch.backends.mha.get_fastpath_enabled(), torch.backends.cuda.flash_sdp_enabled()) == before


# Weights that a module brings


def test_a_run_begins_with_the_weights_that_the_module_brings() -> None:
    module = made("GRU")
    state = init_run(tiny(joint_baseline=True), problem=own(module))
    assert state.joint is not None
    for name, value in module.named_parameters():
        assert torch.equal(state.meta.theta[name][0], value)
        assert torch.equal(state.joint.theta[name][0], value)


class Bare(nn.Module):
    """Parameters that no layer draws."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, 8))
        self.flat = nn.Parameter(torch.zeros(8, 1))
        self.scale = nn.Parameter(torch.ones(8))
        self.layer = nn.Linear(1, 1)
        self.attention = nn.MultiheadAttention(8, 1, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        rows = (torch.tanh(self.layer(x) @ self.weight) * self.scale).unsqueeze(0)
        return self.attention(rows, rows, rows)[0][0] @ self.flat


def test_the_seed_reaches_bare_parameters_where_weights_are_drawn_anew(caplog: pytest.LogCaptureFixture) -> None:
    module = Bare()
    model = ModuleModel(module, reinitialize=True)
    first, again, other = model.init(3), model.init(3), model.init(4)
    assert same(first, again)
    drawn = {name for name in first if not torch.equal(first[name], other[name])}
    assert {"weight", "flat", "layer.weight", "layer.bias", "attention.in_proj_weight"} <= drawn
    assert torch.equal(first["scale"], torch.ones(1, 8))
    assert "scale" in next(text for text in caplog.messages if "weights_seed does not reach" in text)
    assert not torch.equal(first["weight"][0], module.weight)


def test_a_seed_that_has_no_effect_is_said(caplog: pytest.LogCaptureFixture) -> None:
    init_run(tiny(weights_seed=3), problem=own(made("GRU")))
    assert any("weights_seed = 3 has no effect" in text for text in caplog.messages)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (nn.Sequential(nn.Linear(1, 4), nn.Dropout(0.5), nn.Linear(4, 1)), "dropout is off"),
        (nn.LSTM(1, 4, num_layers=2, dropout=0.5), "dropout is off"),
        (nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)), "stored running statistics"),
    ],
    ids=["dropout", "dropout of an LSTM", "batch norm"],
)
def test_what_evaluation_mode_switches_off_is_said(
    module: nn.Module, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    ModuleModel(module)
    assert any(words in text for text in caplog.messages)


def test_a_module_without_such_layers_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    init_run(
        tiny(),
        problem=own(
            nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 1)).double()
        ),
    )
    assert caplog.messages == []


# The head


class HeadFirst(nn.Module):
    """Declares what it calls last first."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = nn.Linear(4, 1)
        self.body = nn.Linear(1, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.tanh(self.body(x)))


def test_anil_adapts_the_head_that_is_named() -> None:
    config = tiny(algorithm="anil", alpha=0.1, num_inner_steps=2)
    problem = own(HeadFirst().double(), head="classifier")
    names = rule(config, problem, init_run(config, problem=problem).meta).names
    assert names == {"classifier.weight", "classifier.bias"}


def test_a_head_that_nobody_named_is_said_where_it_matters(caplog: pytest.LogCaptureFixture) -> None:
    problem = own(HeadFirst().double())
    init_run(tiny(), problem=problem)
    assert caplog.messages == []
    init_run(tiny(algorithm="anil", num_inner_steps=1), problem=problem)
    init_run(tiny(algorithm="anil", num_inner_steps=1), problem=problem)
    (said,) = caplog.messages
    assert "taken to be what was declared last: body.bias, body.weight" in said
    assert "head=" in said


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("body", {"body.weight", "body.bias"}),
        ("body.weight", {"body.weight"}),
        (["body.bias", "classifier"], {"body.bias", "classifier.weight", "classifier.bias"}),
    ],
    ids=["submodule", "parameter", "both"],
)
def test_a_head_is_named_by_submodules_and_parameters(head: Any, names: set[str]) -> None:
    assert ModuleModel(HeadFirst(), head=head).head == names


def test_a_shared_weight_is_in_the_head_by_either_name() -> None:
    assert ModuleModel(Shared(), head="second").head == {"first.weight", "second.bias"}


@pytest.mark.parametrize("head", ["nothing", [], ["body", "bod"]], ids=str)
def test_a_head_of_no_such_name_is_refused(head: Any) -> None:
    with pytest.raises(ValueError, match="head"):
        ModuleModel(HeadFirst(), head=head)


# What is no model, in a sentence


def frozen() -> nn.Module:
    return nn.Linear(1, 1).requires_grad_(False)


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(1, 1, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(self.w.dtype) @ self.w).abs()


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (frozen, "every parameter of Linear is frozen"),
        (nn.Tanh, "Tanh has no parameters"),
        (lambda: nn.LazyLinear(1), "without values .*call it once"),
        (lambda: nn.Linear(1, 1, device="meta"), "without values"),
        (Complex, r"complex parameters \(w\)"),
    ],
    ids=["frozen", "none", "lazy", "meta", "complex"],
)
def test_a_module_with_nothing_to_learn_is_refused(module: Callable[[], nn.Module], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ModuleModel(module())


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (lambda: torch.jit.script(nn.Linear(1, 1)), "scripted or traced"),
        (lambda: torch.compile(nn.Linear(1, 1)), "before torch.compile"),
        (lambda: nn.Linear, r"class; give a module made of it: Linear\(\.\.\.\)"),
        (lambda: torch.tanh, "no torch.nn.Module"),
        (lambda: None, "a NoneType is no torch.nn.Module"),
    ],
    ids=["scripted", "compiled", "class", "function", "none"],
)
@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_what_is_no_plain_module_is_refused(module: Callable[[], Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        ModuleModel(module())


class Gives(nn.Module):
    """A linear map, and what is made of it."""

    def __init__(self, make: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.layer, self.make = nn.Linear(1, 1), make

    def forward(self, x: Tensor) -> Any:
        return self.make(self.layer(x))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda y: (y, y), "gives a tuple"),
        (lambda y: {"logits": y}, "gives a dict"),
        (lambda y: y[:, 0], r"shape \[5\] for 5 points.*unsqueeze"),
        (lambda y: y.mean(), r"shape \[\] for 5 points"),
        (lambda y: y.unsqueeze(0), r"shape \[1, 5, 1\] for 5 points"),
        (lambda y: y.argmax(1, keepdim=True), "gives torch.int64"),
        (lambda y: y.detach(), "cannot be differentiated"),
        (lambda y: y @ torch.ones(3, 1, dtype=y.dtype), r"cannot be called with x of shape \[5, 1\]"),
    ],
    ids=["tuple", "dict", "flat", "number", "batch", "whole numbers", "detached", "shapes"],
)
def test_a_module_that_gives_something_else_is_refused_at_its_first_call(
    make: Callable[[Tensor], Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        init_run(tiny(), problem=own(Gives(make).double()))


class Noisy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + torch.randn_like(x)


def test_a_module_that_draws_random_numbers_runs_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    config, problem = tiny(), own(Noisy().double())
    state, _ = advance(config, init_run(config, problem=problem), num_steps=2, problem=problem)
    assert state.step == 2
    assert any("a run does not repeat" in text for text in caplog.messages)


class OnceOnly(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        context.save_for_backward(x)
        return x.square()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context: Any, pull: Tensor) -> Tensor:
        return 2.0 * context.saved_tensors[0] * pull


def test_a_module_without_second_derivatives_does_first_order_and_refuses_second() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        problem = own(Gives(lambda y: OnceOnly.apply(y)).double())
    config = tiny(order="first", num_inner_steps=1, alpha=1e-5)
    state, _ = advance(config, init_run(config, problem=problem), num_steps=2, problem=problem)
    assert (state.step, state.status.kind) == (2, "ok")
    seen = snapshot(config, state, View(), problem=problem).curvature
    assert seen is not None
    assert math.isnan(seen.median)
    second = tiny(num_inner_steps=1)
    with pytest.raises(ConfigError, match=r"^order = 'second' .*Gives cannot be differentiated twice"):
        advance(second, init_run(second, problem=problem), num_steps=1, problem=problem)


def test_a_run_of_a_module_without_second_derivatives_diverges_with_a_sentence() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        problem = own(Gives(lambda y: OnceOnly.apply(y)).double())
    config = tiny(order="first", num_inner_steps=5, alpha=10.0)
    state, _ = advance(config, init_run(config, problem=problem), num_steps=20, problem=problem)
    assert state.status.kind == "diverged"
    assert "overshoot. Try a smaller alpha, or fewer inner steps than 5" in state.status.sentence
    assert "nan" not in state.status.sentence


@pytest.mark.parametrize("settings", [{"batch_norm_treatment": "support"}, {"per_step_norm": True}], ids=str)
def test_a_switch_of_batch_norm_that_a_module_cannot_follow_is_refused(settings: dict[str, Any]) -> None:
    from maml_core import MLPConfig

    config = tiny(model=MLPConfig(batch_norm=True), num_inner_steps=1, **settings)
    with pytest.raises(ConfigError, match="a ModuleModel, has no batch norm"):
        init_run(config, problem=own(made("GRU")))


def test_a_frozen_part_is_a_constant() -> None:
    module = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    module[0].requires_grad_(False)
    state = init_run(tiny(), problem=own(module))
    assert set(state.meta.theta) == {"2.weight", "2.bias"}


def test_a_bare_module_in_a_problem_is_told_of_the_adapter() -> None:
    family = build_problem(RunConfig()).family
    with pytest.raises(TypeError, match=r"a bare torch.nn.Module, a Sequential; give ModuleModel\(module\)"):
        Problem(family=family, model=nn.Sequential(nn.Linear(1, 1)))  # type: ignore[arg-type]


def test_theta_of_each_task_is_its_own() -> None:
    """A branch is taken by each task for itself."""
    model = ModuleModel(made("branch"))
    theta = over_tasks(model.init(0, torch.float64), 2)
    x = torch.tensor([[[1.0], [2.0]], [[-1.0], [-2.0]]], dtype=torch.float64)
    found = model.apply(theta, x)
    module = made("branch")
    torch.testing.assert_close(found, torch.stack([module(row) for row in x]), rtol=0, atol=TOLERANCE)


def test_changing_a_theta_0_does_not_change_the_module_that_the_next_one_comes_from() -> None:
    model = ModuleModel(torch.nn.Linear(2, 1))
    first = model.init(0)["weight"]
    before = first.clone()
    first += 1.0
    assert torch.equal(model.init(0)["weight"], before)


class Mixing(torch.autograd.Function):
    """y = w x, of which the form for all tasks at once is wrong: the first task's w for all, or too large by a share."""

    share = 0.0
    first_for_all = False

    @staticmethod
    def forward(x: Tensor, w: Tensor) -> Tensor:
        return x * w

    @staticmethod
    def setup_context(context: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        context.save_for_backward(*inputs)

    @staticmethod
    def backward(context: Any, pull: Tensor) -> tuple[Tensor, Tensor]:
        x, w = context.saved_tensors
        return pull * w, (pull * x).sum()

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int, int], x: Tensor, w: Tensor) -> tuple[Tensor, int]:
        seen = w[:1].expand_as(w) if Mixing.first_for_all else w
        return x * seen.view(-1, *[1] * (x.ndim - 1)) * (1.0 + Mixing.share), 0


class Slope(nn.Module):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(1.5, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return Mixing.apply(x, self.w)


@pytest.mark.parametrize(
    ("dtype", "share", "looped"),
    [
        (torch.float64, 1e-7, True),
        (torch.float64, 1e-9, False),
        (torch.float32, 5e-3, True),
        (torch.float32, 1e-4, False),
    ],
)
def test_a_form_for_all_tasks_that_predicts_something_else_is_not_taken(
    dtype: torch.dtype, share: float, looped: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What lies within the rounding of a precision is no other prediction."""
    monkeypatch.setattr(Mixing, "share", share)
    model = ModuleModel(Slope(dtype))
    x = torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]], dtype=dtype)
    found = model.apply(over_tasks(model.init(0, dtype), 2), x)
    torch.testing.assert_close(found, 1.5 * x * (1.0 if looped else 1.0 + share))
    assert any("it then predicts something else" in text for text in caplog.messages) == looped


def test_a_form_that_gives_all_tasks_the_weights_of_the_first_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though at the first call all tasks have the same weights."""
    monkeypatch.setattr(Mixing, "first_for_all", True)
    model = ModuleModel(Slope(torch.float64))
    x = torch.ones(2, 3, 1, dtype=torch.float64)
    model.apply(over_tasks(model.init(0, torch.float64), 2), x)
    found = model.apply({"w": torch.tensor([1.0, -2.0], dtype=torch.float64)}, x)
    torch.testing.assert_close(found, torch.tensor([1.0, -2.0], dtype=torch.float64).view(2, 1, 1) * x)


class Second(nn.Module):
    """A slope whose sign follows its first point."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(1.5, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return OfTheFirstTask.apply(x) * self.w


class OfTheFirstTask(torch.autograd.Function):
    """x times the sign of its first number; for all tasks at once wrongly that of the first task."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x * x[0].sign()

    @staticmethod
    def setup_context(context: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        context.save_for_backward(*inputs)

    @staticmethod
    def backward(context: Any, pull: Tensor) -> Tensor:
        (x,) = context.saved_tensors
        return pull * x[0].sign()

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int], x: Tensor) -> tuple[Tensor, int]:
        return x * x[0, 0].sign(), 0


def test_a_form_is_tried_on_the_last_task_too() -> None:
    model = ModuleModel(Second())
    x = torch.tensor([[[1.0], [2.0]], [[-3.0], [-4.0]]], dtype=torch.float64)
    found = model.apply(over_tasks(model.init(0, torch.float64), 2), x)
    torch.testing.assert_close(found, torch.tensor([[[1.5], [3.0]], [[4.5], [6.0]]], dtype=torch.float64))
