"""Energy that embedding takes, by codecarbon, where the extra is installed."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

from locgraph.errors import DataError, MissingPackageError

_LEAST_S: Final = 5.0
"""Power is sampled each second: a shorter time gives nothing."""
_JOULES_PER_KWH: Final = 3.6e6


def measure_energy(work: Callable[[], object]) -> tuple[float, int]:
    """Return the energy of one call in joules, and how many calls it is the mean of.

    Codecarbon reads the counters of processor and GPU where the machine lets it, and else estimates power from their
    type and load. Nothing is sent anywhere.

    Args:
        work: Called again and again for some seconds.

    Raises:
        MissingPackageError: Codecarbon is not installed.
        DataError: It gives no value.
    """
    if find_spec("codecarbon") is None:
        raise MissingPackageError("not measured: codecarbon is not installed; pip install 'locgraph[energy]'")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages that codecarbon uses
        from codecarbon import OfflineEmissionsTracker

        # the country decides emissions alone, which are not asked for
        tracker = OfflineEmissionsTracker(
            country_iso_code="GBR", measure_power_secs=1, save_to_file=False, log_level="critical"
        )
        tracker.start()
        calls, started = 0, time.perf_counter()
        try:
            while time.perf_counter() - started < _LEAST_S:
                work()
                calls += 1
        finally:
            tracker.stop()
    measured = getattr(tracker, "final_emissions_data", None)
    if measured is None:
        raise DataError("not measured: codecarbon gives no value on this machine")
    return float(measured.energy_consumed) * _JOULES_PER_KWH / calls, calls
