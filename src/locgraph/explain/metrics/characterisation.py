"""Characterisation: one number for both fidelities."""

from __future__ import annotations

from dataclasses import dataclass

from locgraph.explain.metrics.fidelity import Fidelity
from locgraph.settings import check_number


@dataclass(frozen=True)
class Characterisation:
    """Weighted harmonic mean of fidelity+ and 1 - fidelity-.

    In [0, 1], higher is better: 1 where the selected clusters are all that is needed, and enough. Where fidelity+ is 0
    or fidelity- is 1, it is 0. Fidelities below 0, where the class becomes more probable, count as 0.

    Args:
        plus: Weight of fidelity+, above 0; only the ratio of both weights matters.
        minus: Weight of fidelity-, above 0.

    Raises:
        ConfigError: A weight is not above 0.

    Source: Amara et al. 2022, "GraphFramEx", arXiv 2206.09677.
    """

    plus: float = 0.5
    minus: float = 0.5

    def __post_init__(self) -> None:
        check_number("characterisation.plus", self.plus, above=0)
        check_number("characterisation.minus", self.minus, above=0)

    def __call__(self, fidelity: Fidelity) -> float:
        """The mean, in [0, 1]."""
        needed = max(fidelity.plus, 0.0)
        enough = 1.0 - max(fidelity.minus, 0.0)
        if needed <= 0 or enough <= 0:
            return 0.0
        return (self.plus + self.minus) / (self.plus / needed + self.minus / enough)
