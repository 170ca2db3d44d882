"""The validation metric that training returns, so that a sweeper can search for settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from locgraph import schema
from locgraph.data.folds import VALIDATION
from locgraph.errors import ConfigError, DataError
from locgraph.learn.scores import EMBEDDING_SCORES, FOV_SCORES, LOCALISATION_SCORES

SETTING: Final = "optimized_metric"
_PREFIX: Final = f"{VALIDATION}/"
_OF_LOCALISATIONS: Final = "localisation_"
_PART: Final = "localisations"


def check_objective(name: Any, predicts: Sequence[str]) -> None:
    """Refuse a metric that the run will not have, before any work.

    Test metrics are refused too: settings that were chosen by the test have no test left.

    Args:
        name: The setting ``optimized_metric``.
        predicts: Node types whose classes the network predicts.

    Raises:
        ConfigError: It is no validation metric of this network.
    """
    fovs, localisations = (kind in predicts for kind in (schema.FIELD_OF_VIEW, schema.LOCALISATION))
    known = list(FOV_SCORES if fovs else LOCALISATION_SCORES if localisations else EMBEDDING_SCORES)
    if fovs and localisations:
        known += [_OF_LOCALISATIONS + score for score in LOCALISATION_SCORES]
    if not isinstance(name, str) or name not in [_PREFIX + score for score in known]:
        raise ConfigError(
            f"expected a validation metric, {_PREFIX}NAME with one of {', '.join(known)}, found {name!r}; the test "
            "never chooses",
            setting=SETTING,
        )


def read_objective(metrics: Mapping[str, Any], name: str) -> float:
    """Return a validation metric of the tested epoch.

    Args:
        metrics: Content of ``metrics.json``.
        name: A metric that `check_objective` allows.

    Raises:
        DataError: It could not be computed.
    """
    score = name.removeprefix(_PREFIX)
    scores = metrics.get(VALIDATION) or {}
    if score not in scores and score.startswith(_OF_LOCALISATIONS):
        scores, score = metrics[_PART].get(VALIDATION) or {}, score.removeprefix(_OF_LOCALISATIONS)
    if score not in scores:
        raise DataError(
            f"{name} could not be computed from the {metrics['fovs'][VALIDATION]} validation FOVs, so there is nothing "
            f"to optimise; it has {', '.join(scores)}",
            setting=SETTING,
        )
    return float(scores[score])
