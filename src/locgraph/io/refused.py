"""Rows of raw files that were refused, over all fields of view (FOVs): how many, why, and where most."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final

ROWS_REFUSED: Final = "rows_refused"
"""Counts of a FOV: rows that were refused; with ``: REASON`` behind it, those refused for one reason."""

_WORST: Final = 5


@dataclass(frozen=True)
class RefusedRows:
    """Refused rows of all FOVs.

    Attributes:
        n_fovs: Number of FOVs that were read.
        n_rows: Number of their rows.
        reasons: Reason -> number of rows.
        by_fov: FOV -> rows refused and rows read, where any were refused.
    """

    n_fovs: int = 0
    n_rows: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    by_fov: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Number of rows that were refused."""
        return sum(refused for refused, _ in self.by_fov.values())

    def totals(self) -> str:
        """Return the numbers of rows and FOVs in words."""
        return f"{self.total:,} of {self.n_rows:,} in {len(self.by_fov):,} of {self.n_fovs:,} FOVs"

    def worst(self) -> str:
        """Return the FOVs that lost the largest parts of their rows."""
        order = sorted(self.by_fov.items(), key=lambda item: (-item[1][0] / item[1][1], item[0]))
        shown = [f"{name} ({refused:,} of {rows:,})" for name, (refused, rows) in order[:_WORST]]
        return ", ".join(shown) + (f" and {len(order) - _WORST:,} more" if len(order) > _WORST else "")

    def describe(self) -> str:
        """Return all of it in one sentence; empty where nothing was refused."""
        if not self.by_fov:
            return ""
        reasons = "; ".join(f"{count:,}: {reason}" for reason, count in self.reasons.items())
        return f"rows refused: {self.totals()} ({reasons}). Most: {self.worst()}"

    def to_json(self) -> str:
        """Return it as text for the metadata of a file."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> RefusedRows:
        """Return what `to_json` wrote."""
        content = json.loads(text)
        by_fov = {name: (int(refused), int(rows)) for name, (refused, rows) in content.pop("by_fov").items()}
        return cls(**content, by_fov=by_fov)


def count_refused(counts: Mapping[str, Mapping[str, float]], kept: str) -> RefusedRows:
    """Add up what was refused.

    Args:
        counts: FOV -> its counts, with `ROWS_REFUSED` and an entry for each reason.
        kept: Entry with the number of rows that were not refused.
    """
    start = f"{ROWS_REFUSED}: "
    reasons: Counter[str] = Counter()
    by_fov, n_rows = {}, 0
    for fov_id, own in counts.items():
        refused = int(own.get(ROWS_REFUSED, 0))
        rows = int(own[kept]) + refused
        n_rows += rows
        if refused:
            by_fov[fov_id] = (refused, rows)
        reasons.update({name.removeprefix(start): int(n) for name, n in own.items() if name.startswith(start)})
    return RefusedRows(len(counts), n_rows, dict(reasons.most_common()), by_fov)
