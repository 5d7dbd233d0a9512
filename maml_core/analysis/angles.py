"""Angles and lengths of directions in parameter space, in double precision."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from maml_core.models import Model
from maml_core.records import Ints, Numbers
from maml_core.types import Params


def cosine(one: Numbers, other: Numbers) -> Numbers:
    """Cosine over the last axis, [..., D] and [..., D] -> [...]; NaN where one of them is zero or not finite."""
    return _quotient(_products(one, other), length(one) * length(other))


def length_ratio(one: Numbers, other: Numbers) -> Numbers:
    """||one|| / ||other|| over the last axis, [...]; NaN where the other is zero."""
    return _quotient(length(one), length(other))


def length(rows: Numbers) -> Numbers:
    """Euclidean length over the last axis."""
    return np.sqrt(_products(rows, rows))


def unit(rows: Numbers) -> Numbers:
    """Rows of length 1, [..., D]; NaN where a row is zero."""
    return _quotient(rows, length(rows)[..., None])


def columns_of_layers(model: Model, theta: Params) -> Mapping[str, Ints]:
    """Columns of each layer among theta's parameters in a row (`params.flattened`); batch norm's of single steps belong to none."""
    ends = np.cumsum([value[0].numel() for value in theta.values()])
    columns = {
        name: np.arange(end - value[0].numel(), end)
        for (name, value), end in zip(theta.items(), ends.tolist(), strict=True)
    }
    return {
        layer: np.concatenate([columns[name] for name in names if name in columns] or [np.arange(0)])
        for layer, names in model.layers.items()
    }


def _products(one: Numbers, other: Numbers) -> Numbers:
    """Scalar products over the last axis, without an array of what is summed: of images that would be as large as all gradients."""
    found: Numbers = np.einsum("...d,...d->...", one, other)
    return found


def _quotient(numerator: Numbers, denominator: Numbers) -> Numbers:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator > 0.0, numerator / denominator, np.nan)
