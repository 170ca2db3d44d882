"""The results of a run of explanations, on their way into tables and figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.explain.fovs import Examples, PreparedData, choose_first
from locgraph.explain.metrics import columns
from locgraph.explain.metrics.comparison import agreement
from locgraph.explain.one_fov import Case, FovResult
from locgraph.explain.settings import ExplainSettings
from locgraph.explain.tables import attribution_table, feature_summaries, mean_metrics, with_keys
from locgraph.provenance import whole_file, write_csv, write_json
from locgraph.run_folder import (
    ATTRIBUTIONS,
    CLASS_SEPARATION,
    EXPLAINED_FEATURES,
    EXPLAINER_AGREEMENT,
    EXPLANATION_METRICS,
    EXPLANATIONS_RECORD,
    SANITY,
)

_SHOWN: Final = 3
_ALSO_CSV: Final = (EXPLAINED_FEATURES, CLASS_SEPARATION)


@dataclass(frozen=True)
class ExplanationResults:
    """Explanations of some FOVs by one or several explainers.

    Attributes:
        model_record: Record of the checkpoint.
        settings: What was explained, and how it was judged.
        prepared: Manifest, tables and graphs.
        predictions: Predictions of the FOVs that were evaluated.
        cases: The FOVs that were explained, with the explained class.
        explained: ``fov_id`` -> name of the explainer -> its explanation.
        record: Content of the record: settings, explainers, failures, versions, times.
    """

    model_record: Mapping[str, Any]
    settings: ExplainSettings
    prepared: PreparedData
    predictions: pl.DataFrame
    cases: Mapping[str, Case]
    explained: Mapping[str, Mapping[str, FovResult]]
    record: dict[str, Any]

    @property
    def explainers(self) -> list[str]:
        """Names of the explainers."""
        return list(self.record["explainers"])

    @property
    def failures(self) -> Mapping[str, Mapping[str, str]]:
        """Name of the explainer -> ``fov_id`` -> why it failed."""
        failures: Mapping[str, Mapping[str, str]] = self.record["failures"]
        return failures

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        """``fov_id`` -> its row of the predictions."""
        return {row[schema.FOV_ID]: row for row in self.predictions.to_dicts()}

    @cached_property
    def tables(self) -> dict[str, pl.DataFrame]:
        """All tables by the names of their files; none where no FOV could be explained."""
        return _make_tables(self) if self.explained else {}

    @property
    def means(self) -> pl.DataFrame:
        """Mean metrics of each explainer over the explained FOVs."""
        return mean_metrics(self.tables[EXPLANATION_METRICS])

    @property
    def attributions(self) -> pl.DataFrame:
        """Scores with the columns of `schema.ATTRIBUTION_COLUMNS`."""
        return self.tables[ATTRIBUTIONS]

    def explained_class(self, fov_id: str) -> str:
        """Return the class that the scores of a FOV are about, with the one that it is explained against."""
        names, case = self.model_record["class_names"], self.cases[fov_id]
        name = str(names[case.target])
        return name if case.against is None else f"{name} against {names[case.against]}"

    def keys(self, fov_id: str, explainer: str) -> dict[str, Any]:
        """Return what identifies one explanation in every table."""
        return {
            schema.FOV_ID: fov_id,
            schema.FOLD: int(self.model_record["settings"]["fold"]["index"]),
            schema.EXPLAINER: explainer,
            schema.EXPLAINED_CLASS: self.explained_class(fov_id),
        }

    def drawn_fovs(self) -> list[str]:
        """Return the FOVs that are drawn: some of each class."""
        classes = {
            fov_id: self.rows[fov_id][schema.TRUTH] or self.rows[fov_id][schema.PREDICTION] for fov_id in self.explained
        }
        return choose_first(list(self.explained), classes, self.settings.figures)

    def check(self) -> None:
        """Refuse results without any explanation.

        Raises:
            DataError: No FOV could be explained.
        """
        if not self.explained:
            reasons = [
                f"{name}, {fov_id}: {reason}"
                for name, by_fov in self.failures.items()
                for fov_id, reason in by_fov.items()
            ]
            shown = "; ".join(reasons[:_SHOWN])
            raise DataError(f"none of {self.record['fovs']} FOVs could be explained, such as {shown}")

    def summary(self) -> dict[str, Any]:
        """Return numbers of FOVs and failures, explainers that were left out, and mean metrics of each explainer."""
        metrics = {row.pop(schema.EXPLAINER): row for row in (self.means.to_dicts() if self.explained else [])}
        return {name: self.record[name] for name in ("fovs", "failed", "left_out", "cautions")} | {"metrics": metrics}

    def write(self, folder: Path) -> None:
        """Write the record and all tables, each whole or not at all; summaries of features also as CSV."""
        self.write_record(folder)
        for name, table in self.tables.items():
            with whole_file(folder / name) as temporary:
                table.write_parquet(temporary)
            if name in _ALSO_CSV:
                write_csv((folder / name).with_suffix(".csv"), table)

    def write_record(self, folder: Path) -> None:
        """Write the record, which further keys may have been added to."""
        write_json(folder / EXPLANATIONS_RECORD, self.record)


def _make_tables(results: ExplanationResults) -> dict[str, pl.DataFrame]:
    """Return all tables of explanations, at least one, by the names of their files."""
    tables = {ATTRIBUTIONS: _attributions(results), EXPLANATION_METRICS: _metrics(results)}
    selection = results.settings.judging.selection
    pairs = [
        with_keys(
            agreement({name: result.explanation for name, result in by_explainer.items()}, selection),
            {name: value for name, value in results.keys(fov_id, "").items() if name != schema.EXPLAINER},
        )
        for fov_id, by_explainer in results.explained.items()
        if len(by_explainer) > 1
    ]
    sanity = [
        with_keys(result.sanity, results.keys(fov_id, name))
        for fov_id, name, result in _each(results)
        if result.sanity is not None
    ]
    if pairs:
        tables[EXPLAINER_AGREEMENT] = pl.concat(pairs)
    if sanity:
        tables[SANITY] = pl.concat(sanity)
    return tables | feature_summaries(tables[ATTRIBUTIONS], results.prepared.tables, results.explained)


def _each(results: ExplanationResults) -> Iterator[tuple[str, str, FovResult]]:
    for fov_id, by_explainer in results.explained.items():
        for name, result in by_explainer.items():
            yield fov_id, name, result


def _attributions(results: ExplanationResults) -> pl.DataFrame:
    examples = Examples(results.model_record, results.prepared)
    features = results.model_record["settings"]["graph"]["cluster_features"]
    parts = []
    for fov_id, by_explainer in results.explained.items():
        edges = examples(fov_id, 0).graph[schema.CLUSTER_NEAR].edge_index
        parts += [
            attribution_table(result.explanation, edges, features, **results.keys(fov_id, name))
            for name, result in by_explainer.items()
        ]
    return pl.concat(parts)


def _metrics(results: ExplanationResults) -> pl.DataFrame:
    predictions = results.rows
    rows = [
        {
            **results.keys(fov_id, name),
            schema.TRUTH: predictions[fov_id][schema.TRUTH],
            schema.PREDICTION: predictions[fov_id][schema.PREDICTION],
            **result.metrics,
            columns.SECONDS: result.seconds,
        }
        for fov_id, name, result in _each(results)
    ]
    texts = (schema.EXPLAINER, schema.EXPLAINED_CLASS, schema.TRUTH, schema.PREDICTION)
    types = {schema.FOV_ID: pl.String(), schema.FOLD: pl.Int64()} | dict.fromkeys(texts, pl.String())
    # those of random weights belong to some FOVs only
    present = {name for row in rows for name in row}
    numbers = [name for name in columns.METRICS if name in present]
    return pl.DataFrame(rows, schema=types | dict.fromkeys([*numbers, columns.SECONDS], pl.Float64()))
