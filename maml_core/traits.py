"""What each algorithm is, in one table: other files ask it, and list no algorithm by name. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple


class Traits(NamedTuple):
    """What sets an algorithm apart from the others."""

    unrolls: bool = True
    """It differentiates through the inner steps: it has an order, and MAML++'s switches for the steps act."""
    uses_query_gradient: bool = True
    """Its outer step descends the query loss; without, that loss is only measured."""
    learns: Literal["nothing", "rates", "matrices"] = "nothing"
    """What it learns of the inner loop besides theta_0: a step size for each parameter, or matrices that turn the gradients."""
    learned_copies: int = 1
    """Numbers that it learns, in copies of the network, about."""
    adapts_head_alone: bool = False
    """The inner steps leave the body as it is."""
    is_proximal: bool = False
    """The inner loss holds theta near theta_0 by lambda / 2, and the meta-gradient is solved for at its end."""
    needs_alpha: bool = False
    """An alpha that is not above 0 is refused: there would be nothing to learn from, or to divide by."""


TRAITS: Mapping[str, Traits] = MappingProxyType(
    {
        "maml": Traits(),  # Finn et al. 2017
        "anil": Traits(adapts_head_alone=True),  # Raghu et al. 2020
        "meta_sgd": Traits(learns="rates", learned_copies=2),  # Li et al. 2017
        "meta_curvature": Traits(learns="matrices", learned_copies=4),  # Park & Oliva 2019
        "reptile": Traits(unrolls=False, uses_query_gradient=False, needs_alpha=True),  # Nichol et al. 2018
        "imaml": Traits(unrolls=False, is_proximal=True, needs_alpha=True),  # Rajeswaran et al. 2019
    }
)
"""By the names that `RunConfig.algorithm` has."""
