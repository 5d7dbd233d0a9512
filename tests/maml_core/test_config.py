"""Configs: a set-up that exists can be used, and one that cannot says which field, which value, what is accepted."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maml_core.config import (
    CHANGEABLE,
    ConvConfig,
    FolderConfig,
    GlyphsConfig,
    LinearConfig,
    MLPConfig,
    OmniglotConfig,
    RunConfig,
    SinusoidConfig,
    changed,
    from_dict,
    replace,
    to_dict,
)
from maml_core.errors import ConfigError
from maml_core.presets import DEFAULT_PRESET, PRESETS, few_shot
from maml_core.settings import MAX_TEXT, accepted_range

finite = st.floats(-100.0, 100.0)
intervals = st.tuples(finite, finite).map(lambda pair: (min(pair), max(pair)))
sinusoids = st.builds(
    SinusoidConfig,
    amplitude=st.tuples(st.floats(0, 100), st.floats(0, 100)).map(lambda pair: (min(pair), max(pair))),
    phase_rad=intervals,
    x=intervals,
    noise_std=st.floats(0, 100),
)
linears = st.builds(
    LinearConfig,
    num_features=st.integers(1, 64),
    w_mean=finite,
    w_std=st.floats(0, 100),
    x=intervals,
    noise_std=st.floats(0, 100),
)
models = st.builds(
    MLPConfig,
    hidden_widths=st.lists(st.integers(1, 1024), max_size=8).map(tuple),
    activation=st.sampled_from(["relu", "tanh", "gelu", "softplus"]),
    use_bias=st.booleans(),
)
runs = st.builds(
    RunConfig,
    tasks=sinusoids | linears,
    model=models,
    alpha=st.floats(0, 100),
    num_inner_steps=st.integers(0, 50),
    order=st.sampled_from(["second", "first"]),
    beta=st.floats(0, 100, exclude_min=True),
    outer_optimizer=st.sampled_from(["adam", "sgd"]),
    adam_betas=st.tuples(st.floats(0, 0.999999), st.floats(0, 0.999999)),
    adam_eps=st.floats(0, 1, exclude_min=True),
    clip_norm=st.none() | st.floats(0, 1e6, exclude_min=True),
    shots=st.integers(1, 100),
    num_query=st.integers(1, 500),
    meta_batch_size=st.integers(1, 500),
    weights_seed=st.integers(0, 2**31 - 1),
    tasks_seed=st.integers(0, 2**31 - 1),
    evaluation_seed=st.integers(0, 2**31 - 1),
    evaluation_tasks=st.integers(2, 100_000),
    evaluation_steps=st.integers(0, 100),
    evaluate_every=st.integers(1, 1_000_000),
    joint_baseline=st.booleans(),
    oracle_baseline=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
)


@given(config=runs)
def test_config_to_json_and_back_is_identity(config: RunConfig) -> None:
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config


@given(config=runs)
def test_json_names_every_field(config: RunConfig) -> None:
    assert set(to_dict(config)) == {f.name for f in dataclasses.fields(RunConfig)}
    assert to_dict(config)["tasks"]["kind"] == config.tasks.kind


def test_missing_fields_take_their_defaults() -> None:
    assert from_dict({"alpha": 0.5, "tasks": {"noise_std": 1.0}}) == RunConfig(
        alpha=0.5, tasks=SinusoidConfig(noise_std=1.0)
    )


def numeric_fields() -> list[tuple[type[Any], str, type[Any]]]:
    """Every plain number of every config, with its type."""
    found: list[tuple[type[Any], str, type[Any]]] = []
    for cls in (RunConfig, SinusoidConfig, LinearConfig, GlyphsConfig, OmniglotConfig, FolderConfig, ConvConfig):
        for f in dataclasses.fields(cls):
            kind = {"int": int, "float": float, "float | None": float}.get(str(f.type))
            if kind is not None:
                found.append((cls, f.name, kind))
    return found


each_number = pytest.mark.parametrize(
    ("cls", "name", "kind"), numeric_fields(), ids=lambda part: getattr(part, "__name__", part)
)


def test_the_numeric_fields_are_found() -> None:
    assert {name for cls, name, _ in numeric_fields() if cls is LinearConfig} == {
        "num_features",
        "w_mean",
        "w_std",
        "noise_std",
    }
    assert len(numeric_fields()) == 38


@each_number
def test_numbers_beyond_the_range_are_refused_and_the_ends_are_accepted(
    cls: type[Any], name: str, kind: type[Any]
) -> None:
    meta = cls.__dataclass_fields__[name].metadata
    low = meta["low"] if meta["low"] is not None else meta["above"]
    step = 1 if kind is int else 1e-9
    assert getattr(cls(**{name: kind(meta["high"])}), name) == meta["high"]
    if meta["above"] is None:
        assert getattr(cls(**{name: kind(low)}), name) == low
    for bad in (
        kind(low) - step if meta["above"] is None else kind(low),
        kind(meta["high"]) + (1 if kind is int else 1e-3),
    ):
        with pytest.raises(ConfigError) as caught:
            cls(**{name: bad})
        assert (caught.value.field, caught.value.value) == (name, bad)
        assert name in str(caught.value)
        assert repr(bad) in str(caught.value)
        assert accepted_range(cls, name) in str(caught.value)


@each_number
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), True, "1", [1], {}, 1j])
def test_what_is_no_finite_number_is_refused_by_name(cls: type[Any], name: str, kind: type[Any], bad: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        cls(**{name: bad})
    assert caught.value.field == name


@pytest.mark.parametrize("name", ["alpha", "shots"])
def test_a_whole_number_beyond_every_float_is_refused_by_name(name: str) -> None:
    """JSON may hold one: Python reads it as an int that no float can hold."""
    with pytest.raises(ConfigError) as caught:
        from_dict(json.loads(f'{{"{name}": 1{"0" * 400}}}'))
    assert caught.value.field == name


@pytest.mark.parametrize("name", [name for cls, name, kind in numeric_fields() if kind is int and cls is RunConfig])
def test_whole_numbers_must_be_whole(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name} = 2.0 .*whole number"):
        RunConfig(**{name: 2.0})


def test_a_whole_number_serves_as_a_float() -> None:
    value = RunConfig(alpha=1).alpha
    assert (value, type(value)) == (1.0, float)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"learning_rate": 0.1}, "learning_rate"),
        ({"tasks": {"kind": "sinusoid", "frequency": 1.0}}, "tasks.frequency"),
        ({"tasks": {"kind": "linear", "amplitude": [0, 1]}}, "tasks.amplitude"),
        ({"model": {"dropout": 0.5}}, "model.dropout"),
        ({"tasks": {"kind": "cosine"}}, "tasks.kind"),
        ({"tasks": {"kind": ["sinusoid"]}}, "tasks.kind"),
        ({"tasks": {"kind": {}}}, "tasks.kind"),
        ({"tasks": {"kind": None}}, "tasks.kind"),
        ({"tasks": "sinusoid"}, "tasks"),
        ({"tasks": None}, "tasks"),
        ({"model": []}, "model"),
        ({"model": {"kind": "convnet"}}, "model.kind"),
        ({"alpha": "0.1"}, "alpha"),
        ({"alpha": None}, "alpha"),
        ({"order": "third"}, "order"),
        ({"order": 1}, "order"),
        ({"order": ["second"]}, "order"),
        ({"outer_optimizer": None}, "outer_optimizer"),
        ({"dtype": "float16"}, "dtype"),
        ({"joint_baseline": 1}, "joint_baseline"),
        ({"joint_baseline": "true"}, "joint_baseline"),
        ({"oracle_baseline": None}, "oracle_baseline"),
        ({"model": {"use_bias": 0}}, "model.use_bias"),
        ({"model": {"hidden_widths": 40}}, "model.hidden_widths"),
        ({"model": {"hidden_widths": "40, 40"}}, "model.hidden_widths"),
        ({"model": {"hidden_widths": [40, 0]}}, "model.hidden_widths"),
        ({"model": {"hidden_widths": [40, 40.0]}}, "model.hidden_widths"),
        ({"model": {"hidden_widths": [[40]]}}, "model.hidden_widths"),
        ({"model": {"hidden_widths": [4] * 9}}, "model.hidden_widths"),
        ({"model": {"activation": "sigmoid"}}, "model.activation"),
        ({"tasks": {"amplitude": [5.0, 0.1]}}, "tasks.amplitude"),
        ({"tasks": {"amplitude": [-1.0, 1.0]}}, "tasks.amplitude"),
        ({"tasks": {"x": [1.0]}}, "tasks.x"),
        ({"tasks": {"x": [1.0, 2.0, 3.0]}}, "tasks.x"),
        ({"tasks": {"x": [0.0, math.nan]}}, "tasks.x"),
        ({"tasks": {"x": [0.0, True]}}, "tasks.x"),
        ({"tasks": {"phase_rad": 3.0}}, "tasks.phase_rad"),
        ({"adam_betas": [0.9, 1.0]}, "adam_betas"),
        ({"adam_betas": [0.9]}, "adam_betas"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_with_its_path(data: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_dict(data)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field} = ")


@pytest.mark.parametrize("data", [None, [], "alpha", 3])
def test_what_is_no_table_is_refused(data: Any) -> None:
    with pytest.raises(ConfigError, match="table"):
        from_dict(data)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
keys = st.sampled_from([f.name for f in dataclasses.fields(RunConfig)] + ["kind", "hidden_widths", "x", "nothing"])


@given(data=st.dictionaries(keys, values | st.dictionaries(keys, values, max_size=3), max_size=4))
def test_any_json_is_a_config_or_a_config_error(data: dict[str, Any]) -> None:
    try:
        config = from_dict(data)
    except ConfigError as error:
        assert error.field  # noqa: PT017 - either way out is right, but only with a field
    else:
        assert from_dict(to_dict(config)) == config


def test_the_message_says_what_is_accepted() -> None:
    with pytest.raises(ConfigError, match=r"^alpha = 200 is not accepted: a finite number from -100 to 100$"):
        RunConfig(alpha=200)
    with pytest.raises(ConfigError, match=r"^beta = 0 is not accepted: a finite number above 0 and at most 100$"):
        RunConfig(beta=0)
    with pytest.raises(ConfigError, match=r"^order = 'third' is not accepted: one of second, first$"):
        RunConfig(order="third")  # type: ignore[arg-type]


def test_a_part_of_another_type_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^tasks = "):
        RunConfig(tasks=MLPConfig())  # type: ignore[arg-type]


def test_replace_checks_like_the_constructor() -> None:
    assert replace(RunConfig(), {"alpha": 0.5}).alpha == 0.5
    with pytest.raises(ConfigError, match=r"^lr = 1"):
        replace(RunConfig(), {"lr": 1})
    with pytest.raises(ConfigError, match=r"^shots = 0"):
        replace(RunConfig(), {"shots": 0})


def test_a_change_while_training_is_one_of_the_changeable_fields() -> None:
    assert changed(RunConfig(), {"alpha": 0.2, "shots": 3}) == RunConfig(alpha=0.2, shots=3)
    with pytest.raises(ConfigError, match="start a new run"):
        changed(RunConfig(), {"weights_seed": 1})


@pytest.mark.parametrize("fields", [{"algorithm": "meta_sgd"}, {"per_step_rates": True}], ids=str)
def test_alpha_does_not_change_where_rates_are_learned(fields: dict[str, Any]) -> None:
    config = RunConfig(**fields)
    with pytest.raises(ConfigError, match="learned"):
        changed(config, {"alpha": 0.2})
    assert changed(config, {"alpha": config.alpha, "beta": 0.1}).beta == 0.1


def test_configs_cannot_be_changed_in_place() -> None:
    config = RunConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.alpha = 0.5  # type: ignore[misc]


def test_every_changeable_field_exists() -> None:
    assert {f.name for f in dataclasses.fields(RunConfig)} > CHANGEABLE


@pytest.mark.parametrize(
    "cls",
    [RunConfig, SinusoidConfig, LinearConfig, GlyphsConfig, OmniglotConfig, FolderConfig, MLPConfig, ConvConfig],
)
def test_every_setting_has_a_help_text(cls: type[Any]) -> None:
    for f in dataclasses.fields(cls):
        if f.name not in ("kind", "tasks", "model"):
            assert f.metadata["help"].endswith("."), f.name


def test_a_config_error_is_a_value_error() -> None:
    assert issubclass(ConfigError, ValueError)


def test_inputs_follow_the_task_family() -> None:
    assert RunConfig().num_inputs == 1
    assert RunConfig(tasks=LinearConfig(num_features=3)).num_inputs == 3


def test_a_convolutional_network_needs_images() -> None:
    with pytest.raises(ConfigError, match=r"^model = 'conv' is not accepted: a convolutional network needs images"):
        RunConfig(model=ConvConfig())


def test_images_have_no_oracle() -> None:
    with pytest.raises(ConfigError, match=r"^oracle_baseline = on is not accepted: image tasks have no parameters"):
        RunConfig(tasks=GlyphsConfig(), oracle_baseline=True)


def test_an_omniglot_character_has_twenty_drawings() -> None:
    assert RunConfig(tasks=OmniglotConfig(), shots=5, num_query=15).num_query == 15
    for shots, num_query in ((5, 16), (20, 1), (100, 1)):
        with pytest.raises(ConfigError, match=r"shots \+ num_query at most 20, the drawings of a character"):
            RunConfig(tasks=OmniglotConfig(), shots=shots, num_query=num_query)
    assert RunConfig(tasks=GlyphsConfig(), shots=20, num_query=20).shots == 20


def test_a_max_pool_needs_an_image_that_it_can_halve_and_a_stride_does_not() -> None:
    for size, num_layers in ((8, 3), (15, 3), (16, 4)):
        tasks = FolderConfig(folder="/x", size=size)
        RunConfig(tasks=tasks, model=ConvConfig(num_layers=num_layers, downsample="max_pool"))
    for size, num_layers in ((8, 4), (15, 4)):
        tasks = FolderConfig(folder="/x", size=size)
        RunConfig(tasks=tasks, model=ConvConfig(num_layers=num_layers))
        with pytest.raises(ConfigError, match=f"^num_layers = {num_layers} .*images of {size} pixels to nothing; take"):
            RunConfig(tasks=tasks, model=ConvConfig(num_layers=num_layers, downsample="max_pool"))


def test_images_say_their_shape_and_outputs() -> None:
    pictures = FolderConfig(folder="/x", size=20, color="rgb", ways=7)
    config = RunConfig(tasks=pictures)
    assert (config.image_shape, config.num_inputs, config.num_outputs, config.classifies) == (
        (3, 20, 20),
        1200,
        7,
        True,
    )
    assert RunConfig(tasks=OmniglotConfig()).image_shape == RunConfig(tasks=GlyphsConfig()).image_shape == (1, 28, 28)
    curves = RunConfig(tasks=LinearConfig(num_features=3))
    assert (curves.image_shape, curves.num_inputs, curves.num_outputs, curves.classifies) == (None, 3, 1, False)


@pytest.mark.parametrize("text", [3, None, ["/x"], "x" * (MAX_TEXT + 1), "a\0b", "\ud800"], ids=repr)
def test_a_text_is_one_that_utf8_and_a_path_can_hold(text: Any) -> None:
    with pytest.raises(ConfigError, match="a text of up to 500 characters") as caught:
        from_dict({"tasks": {"kind": "folder", "folder": text}})
    assert caught.value.field == "tasks.folder"
    assert len(str(caught.value)) < 250


def test_a_text_is_kept_as_it_is() -> None:
    text = "/home/Jürgen/C++\nbirds, 100%\u00a0" + "x" * (MAX_TEXT - 29)
    config = RunConfig(tasks=FolderConfig(folder=text))
    assert len(text) == MAX_TEXT
    assert from_dict(json.loads(json.dumps(to_dict(config)))) == config


@pytest.mark.parametrize("tasks", [GlyphsConfig(ways=3), OmniglotConfig(split="random"), FolderConfig(folder="/x")])
def test_the_few_shot_settings_fit_all_image_tasks(tasks: Any) -> None:
    config, demo = few_shot(tasks), next(preset for preset in PRESETS if preset.name == "Glyphs, fast demo")
    alpha = 0.1 if tasks.kind == "folder" else demo.config.alpha
    assert config == replace(demo.config, {"tasks": tasks, "alpha": alpha})
    assert config.shots == 1
    assert isinstance(config.model, ConvConfig)


def test_presets_have_different_names_and_round_trip() -> None:
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
    assert DEFAULT_PRESET in PRESETS
    for preset in PRESETS:
        assert from_dict(to_dict(preset.config)) == preset.config
