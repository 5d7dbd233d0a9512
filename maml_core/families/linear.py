"""Lines, y = w . x."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from maml_core.families.curves import TEST_RANGE, CurveFamily
from maml_core.levels import mean_square
from maml_core.settings import Interval, check_fields, documented, setting


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class LinearConfig(CurveFamily):
    """Tasks y = w . x with w ~ N(w_mean, w_std^2): the family whose adaptation has a closed form."""

    called = "Lines"

    kind: Literal["linear"] = "linear"
    num_features: int = setting(1, "Number of input features.", low=1, high=64)
    w_mean: float = setting(0.0, "Mean of every weight of a task.", low=-100.0, high=100.0)
    w_std: float = setting(1.0, "Standard deviation of every weight of a task.", low=0.0, high=100.0)
    x: Interval = setting((-5.0, 5.0), "Range of every input feature, drawn uniformly.", low=-100.0, high=100.0)
    test_x: Interval | None = setting(None, TEST_RANGE.format("x", "x"), low=-100.0, high=100.0)
    noise_std: float = setting(0.0, "Standard deviation of Gaussian noise on every observed y.", low=0.0, high=100.0)

    def __post_init__(self) -> None:
        check_fields(self)

    def zero_level(self) -> float:
        """Expected loss of the predictor that always says 0: E[(w . x)^2] plus the noise's variance.

        >>> LinearConfig(x=(-1.0, 1.0)).zero_level() == 1.0 / 3.0
        True
        """
        features, mean_x = self.num_features, sum(self.x) / 2.0
        common = self.w_mean**2 * (features * mean_square(self.x) + features * (features - 1) * mean_x**2)
        return common + features * self.w_std**2 * mean_square(self.x) + self.noise_std**2

    def non_adapting_level(self) -> float:
        """Expected loss of the best common line: E[((w - E w) . x)^2] plus the noise's variance.

        >>> LinearConfig(w_mean=2.0, x=(-1.0, 1.0)).non_adapting_level() == 1.0 / 3.0
        True
        """
        return self.num_features * self.w_std**2 * mean_square(self.x) + self.noise_std**2

    @property
    def num_inputs(self) -> int:
        """Features of an x."""
        return self.num_features

    @property
    def parameter_ranges(self) -> tuple[Interval, ...]:
        """Ranges of the weights: they have no bounds, and no task needs larger ones."""
        return ((-1e6, 1e6),) * self.num_features

    def reach(self) -> float:
        """Height of a line two standard deviations steeper than the mean, at the end of x."""
        return (abs(self.w_mean) + 2.0 * self.w_std) * max(abs(self.x[0]), abs(self.x[1]))
