"""Sinusoids, y = A sin(frequency x - phase), of frequency 1 unless it is a parameter of the tasks too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from maml_core.families.curves import TEST_RANGE, CurveFamily
from maml_core.levels import mean_phasor, mean_square
from maml_core.settings import Interval, check_fields, documented, setting

ONE = (1.0, 1.0)
"""Frequencies of tasks that have none of their own."""

_PLACES = 200_001
"""Points of x on which levels are computed where frequencies differ."""


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class SinusoidConfig(CurveFamily):
    """Tasks y = A sin(x - phase): the regression family of MAML (Finn et al. 2017, section 5.1); or with a frequency before x."""

    called = "Sinusoids"

    kind: Literal["sinusoid"] = "sinusoid"
    amplitude: Interval = setting((0.1, 5.0), "Range of the amplitude A, drawn uniformly.", low=0.0, high=100.0)
    phase_rad: Interval = setting(
        (0.0, math.pi), "Range of the phase in radians, drawn uniformly.", low=-100.0, high=100.0
    )
    frequency: Interval = setting(
        ONE,
        "Range of the frequency before x, drawn uniformly; 1,1 is the protocol of Finn et al. (2017), whose tasks have none. "
        "Li et al. (2017) draw it near 1, which makes tasks harder: losses do not compare with those of the protocol.",
        low=0.0,
        high=100.0,
    )
    x: Interval = setting((-5.0, 5.0), "Range of the inputs, drawn uniformly.", low=-100.0, high=100.0)
    test_amplitude: Interval | None = setting(
        None, TEST_RANGE.format("the amplitude", "amplitude"), low=0.0, high=100.0
    )
    test_phase_rad: Interval | None = setting(None, TEST_RANGE.format("the phase", "phase_rad"), low=-100.0, high=100.0)
    test_x: Interval | None = setting(None, TEST_RANGE.format("x", "x"), low=-100.0, high=100.0)
    noise_std: float = setting(0.0, "Standard deviation of Gaussian noise on every observed y.", low=0.0, high=100.0)

    def __post_init__(self) -> None:
        check_fields(self)

    def zero_level(self) -> float:
        """Expected loss of the predictor that always says 0: E[A^2] E[sin^2(x - phase)] plus the noise's variance.

        >>> round(SinusoidConfig().zero_level(), 4)
        4.2517
        """
        # sin^2 = (1 - cos 2(f x - phase)) / 2, and x, f and phase are independent.
        of_x = complex(self._mean_phasors(2.0).mean()) if self.has_frequency else mean_phasor(self.x, 2.0)
        twice = of_x * mean_phasor(self.phase_rad, -2.0)
        return mean_square(self.amplitude) * (1.0 - twice.real) / 2.0 + self.noise_std**2

    def non_adapting_level(self) -> float:
        """Expected loss of the best common curve: what remains after it is subtracted.

        >>> round(SinusoidConfig().non_adapting_level(), 4)
        3.0057
        """
        factor = self.common_factor()
        if self.has_frequency:
            return self.zero_level() - float(np.square((factor * self._mean_phasors(1.0)).imag).mean())
        # E_x of (Im[factor e^{ix}])^2 = (|factor|^2 - Re[factor^2 E e^{2ix}]) / 2
        explained = (abs(factor) ** 2 - (factor**2 * mean_phasor(self.x, 2.0)).real) / 2.0
        return self.zero_level() - explained

    @property
    def has_frequency(self) -> bool:
        """Whether the frequency is a parameter of the tasks."""
        return self.frequency != ONE

    def mean_phasors(self, x: npt.NDArray[Any]) -> npt.NDArray[np.complex128]:
        """E[e^{i f x}] over frequencies f at each x.

        >>> SinusoidConfig(frequency=(2.0, 2.0)).mean_phasors(np.array([math.pi / 2.0])).round(12).tolist()
        [(-1+0j)]
        """
        low, high = self.frequency
        phasors = np.exp(0.5j * (low + high) * x) * np.sinc((high - low) / 2.0 * x / math.pi)
        return np.asarray(phasors, dtype=np.complex128)

    def _mean_phasors(self, times: float) -> npt.NDArray[np.complex128]:
        """`mean_phasors` at points spread evenly over the range of x, times a number."""
        low, high = self.x
        return self.mean_phasors(times * (low + (high - low) * (np.arange(_PLACES) + 0.5) / _PLACES))

    def common_factor(self) -> complex:
        """The c with E[A sin(f x - phase)] = Im[c E[e^{i f x}]], the best common curve."""
        return sum(self.amplitude) / 2.0 * mean_phasor(self.phase_rad, -1.0)

    @property
    def parameter_ranges(self) -> tuple[Interval, ...]:
        """Ranges of amplitude and phase, and of the frequency where it is a parameter."""
        return (self.amplitude, self.phase_rad, *((self.frequency,) if self.has_frequency else ()))

    def reach(self) -> float:
        """The largest amplitude."""
        return max(abs(self.amplitude[0]), abs(self.amplitude[1]))
