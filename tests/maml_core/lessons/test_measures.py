"""Measures of lessons: every number is the one of the record that it is called after, and none appears where there is no record."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from maml_core.analysis_records import Coherence, Directions, LabelOrders, LayerChanges, Shift, Spectrum, Spread
from maml_core.config import GlyphsConfig, RunConfig
from maml_core.lessons.measures import CURVES, LOOK_OF, MEASURES, Observed, curves, measured
from maml_core.records import Curvature, InnerDescent, LayerMoves, Status, Summary

CONFIG = RunConfig(alpha=0.02, num_inner_steps=2, beta=3e-3)


def summary(first: float, *, accuracy: bool = False) -> Summary:
    """What 0..4 inner steps give; every column has numbers of its own."""
    steps = np.arange(5.0)
    columns = {
        name: first + 10 * at + steps
        for at, name in enumerate(("mean", "ci95", "median", "diverged_share", "worse_share"))
    }
    return Summary(**columns, accuracy=(steps / 10 if accuracy else None))


def seen(**more: Any) -> Observed:
    return Observed(config=CONFIG, step=7, **more)


def test_of_the_set_up() -> None:
    assert measured(seen(status=Status("diverged", "It ran away."), rollbacks=2)) == {
        "step": 7,
        "alpha": 0.02,
        "beta": 3e-3,
        "num_inner_steps": 2,
        "diverged": 1,
        "rollbacks": 2,
    }
    assert measured(seen())["diverged"] == 0


def test_of_held_out_tasks() -> None:
    found = measured(seen(summary=summary(1.0, accuracy=True), joint=summary(100.0), random=summary(200.0)))
    expected = {
        **{"loss_before": 1, "loss_after": 3, "loss_last": 5},
        **{"median_before": 21, "median_after": 23, "median_last": 25},
        **{"diverged_share": 33, "diverged_last": 35, "worse_share": 43},
        **{"accuracy_before": 0, "accuracy_after": 0.2, "accuracy_last": 0.4},
        **{"joint_before": 120, "joint_after": 122, "joint_last": 124},
        **{"random_before": 220, "random_after": 222, "random_last": 224},
    }
    assert {name: found[name] for name in expected} == expected


def test_nothing_is_said_of_more_steps_than_were_taken() -> None:
    found = measured(Observed(config=RunConfig(num_inner_steps=9), step=0, summary=summary(1.0)))
    assert found["loss_last"] == 5
    assert not {"loss_after", "median_after", "worse_share", "diverged_share"} & set(found)


def test_of_curvature_and_layers() -> None:
    descent = InnerDescent(0.02, 2, 10, 0.5, 0.4, 0.3)
    moves = LayerMoves(("a", "b", "head"), *(np.array([[0.0, 0, 0], [0.1, 0.3, 0.9]]) for _ in range(3)))
    found = measured(seen(curvature=Curvature(50.0, 1.0, 99.0), descent=descent, moves=moves))
    assert (found["lambda_max"], found["limit"], found["alpha_lambda"], found["raised_share"]) == (50, 0.04, 1.0, 0.3)
    assert (found["layers.body"], found["layers.head"]) == (0.3, 0.9)


def test_of_training() -> None:
    assert measured(seen(training_loss=0.5, training_accuracy=0.9))["training_accuracy"] == 0.9
    assert "training_loss" not in measured(seen())


def test_of_closer_looks() -> None:
    cosine = np.arange(30.0).reshape(3, 5, 2)
    rules = ("fomaml", "joint", "reptile")
    none = np.zeros((3, 5, 2))
    directions = Directions(
        rules, (1, 2, 3, 4, 5), ("all", "w"), cosine, none, none, none, np.arange(5.0), none.astype(np.float32), 25
    )
    spread = Spread(0.5, 0.0, 1.0), Spread(0.1, 0.0, 1.0)
    changes = LayerChanges(
        ("h1", "h2", "head"), np.array([[0.9, 0.8, 0.1], [0.9, 0.7, 0.2], [0.9, 0.1, 0.3]]), np.zeros((3, 3))
    )
    orders = LabelOrders(
        np.zeros((3, 5), np.int64),
        np.array([[[0.2, 0.2, 0.2]], [[0.5, 0.9, 0.7]]]),
        np.array([[0.2], [0.3]]),
        np.array([[0.2, 0.2], [0.4, 0.6]]),
        np.array([[0.2, 0.2], [0.5, 0.9]]),
    )
    spectrum = Spectrum(np.array([[9.0, 1], [7, 1], [8, 1]]), np.array([[2.0, 1], [3, 1], [1, 1]]))
    shifts = tuple(Shift(name, "", summary(first)) for name, first in (("inside", 6.0), ("amplitude", 36.0)))
    for found, expected in (
        (directions, {"first_order": 2, "joint": 12, "reptile": 22, "agreement": 1}),
        (Coherence(*spread, 9), {"same_task": 0.5, "two_tasks": 0.1}),
        (changes, {"body": 0.7, "head": 0.2}),
        (orders, {"best": 0.9, "worst": 0.5, "mean": pytest.approx(0.7), "zeroed": 0.3, "together": 0.7, "alone": 0.5}),
        (spectrum, {"start": 8, "end": 2}),
        (shifts, {"inside": 30, "amplitude": 2}),
    ):
        got = {name.partition(".")[2]: value for name, value in measured(seen(found=found)).items() if "." in name}
        assert got == expected


def test_curves_are_of_all_inner_steps() -> None:
    found = curves(seen(summary=summary(1.0, accuracy=True)))
    assert found == {"adaptation": (21, 22, 23, 24, 25), "accuracy": (0, 0.1, 0.2, 0.3, 0.4)}
    assert curves(seen()) == {}
    assert set(found) == set(CURVES)


def test_what_is_measured_is_named() -> None:
    everything = seen(
        summary=summary(1.0, accuracy=True),
        joint=summary(1.0),
        random=summary(1.0),
        curvature=Curvature(1.0, 1.0, 1.0),
        descent=InnerDescent(0.1, 1, 1, 1.0, 0.0, 0.0),
        training_loss=1.0,
        training_accuracy=1.0,
    )
    always = {name for name, measure in MEASURES.items() if not measure.look}
    assert set(measured(everything)) == always
    assert all(measure.sentence.endswith(".") for measure in MEASURES.values())
    assert {measure.look for measure in MEASURES.values()} - {"", "layers"} == set(LOOK_OF)


def test_numbers_that_are_not_finite_stay_so() -> None:
    broken = summary(1.0)._replace(mean=np.array([1.0, np.inf, np.nan, np.inf, np.inf]))
    found = measured(seen(summary=broken))
    assert math.isnan(found["loss_after"])
    assert math.isinf(found["loss_last"])
    images = Observed(config=RunConfig(tasks=GlyphsConfig(), model=RunConfig().model), step=0)
    assert measured(images)["step"] == 0
