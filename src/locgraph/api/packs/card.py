"""The texts of a packed model: its card, licence and citation, written from its record and scores.

The header of the card has the fields of model cards on the Hugging Face Hub:
https://huggingface.co/docs/hub/model-cards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import yaml

from locgraph import __version__
from locgraph.api.models.needs import Needs
from locgraph.api.packs.reference import Reference
from locgraph.errors import ConfigError

_REPOSITORY_KEYWORDS: Final = ("smlm", "single-molecule localisation microscopy", "graph neural network")
_SOURCES: Final = {"model": "**this model**"}
_NO_LICENCE: Final = "unknown"
_MIT: Final = """MIT License

Copyright (c) {year} {holders}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


@dataclass(frozen=True)
class CardSettings:
    """What only the authors of a model know.

    Attributes:
        description: What the model is for and what it was trained on, Markdown; None writes nothing of it.
        authors: Names.
        license: SPDX identifier, such as ``MIT`` or ``CC-BY-4.0``; None states that none was given.
        license_file: Text of the licence; None writes that of MIT, or the address of the SPDX page.
        citation: What to cite: a DOI or a text.
        datasets: What it was trained on: names or addresses.
        tags: Further words.

    Raises:
        ConfigError: A file is not there, or a licence of MIT has no holder.
    """

    description: str | None = None
    authors: Sequence[str] = ()
    license: str | None = None
    license_file: str | None = None
    citation: str | None = None
    datasets: Sequence[str] = ()
    tags: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.license_file is not None and not Path(self.license_file).is_file():
            raise ConfigError(f"{self.license_file}: no such file", setting="license_file")
        if self.license == "MIT" and self.license_file is None and not self.authors:
            raise ConfigError("expected who holds the copyright, for the MIT licence; found nobody", setting="authors")


def license_text(card: CardSettings) -> str:
    """Return the licence."""
    if card.license_file is not None:
        return Path(card.license_file).read_text(encoding="utf-8")
    if card.license is None:
        return "No licence was stated. Ask the authors before you use, change or share this model.\n"
    if card.license == "MIT":
        return _MIT.format(year=date.today().year, holders=", ".join(card.authors))
    return f"SPDX-License-Identifier: {card.license}\nhttps://spdx.org/licenses/{card.license}.html\n"


def citation_text(card: CardSettings, reference: Reference) -> str:
    """Return the citation, in the Citation File Format 1.2.0 (https://citation-file-format.github.io)."""
    cited = {} if card.citation is None else {"references": [_cited(card.citation)]}
    return _yaml(
        {
            "cff-version": "1.2.0",
            "message": "If you use this model, please cite it, and what it refers to.",
            "title": f"{reference.name}, a model of locgraph",
            "version": str(reference.version),
            "type": "dataset",
            "authors": [{"name": name} for name in card.authors] or [{"name": "unknown"}],
            **({} if card.license is None else {"license": card.license}),
            **cited,
        }
    )


def _cited(citation: str) -> dict[str, Any]:
    doi = citation.removeprefix("https://doi.org/")
    if doi.startswith("10."):
        return {"type": "article", "title": doi, "doi": doi, "authors": [{"name": "see the DOI"}]}
    return {"type": "generic", "title": citation, "authors": [{"name": "see the title"}]}


def card_text(
    reference: Reference,
    card: CardSettings,
    scores: Mapping[str, Any],
    needs: Needs,
    about: Mapping[str, Any],
) -> str:
    """Return the model card.

    Args:
        reference: Name and version.
        card: What the authors know.
        scores: From `locgraph.api.packs.scores.collect_scores`.
        needs: What the model needs of data.
        about: ``networks``, ``classes``, ``trained_on``, ``ranges``, ``example_class`` and ``parameters``.
    """
    lines = [
        "---",
        _yaml(_header(reference, card, scores)).rstrip(),
        "---",
        "",
        f"# {reference}",
        "",
        *([card.description.strip(), ""] if card.description else []),
        f"Classes: {', '.join(about['classes'])}. {about['networks']} of {about['parameters']:,} weights, trained on "
        f"{about['trained_on']} FOVs.",
        "",
        "## Use",
        "",
        "```python",
        "import locgraph",
        "",
        f'model = locgraph.load("{reference}")',
        'model.predict("FOLDER")',
        "```",
        "",
        f"It needs {needs.words()}. FOVs unlike those of the training are named by `predict`, with the reason.",
        "",
        "## Scores",
        "",
        _kind(scores),
        "",
        str(scores["headline"]),
        "",
        *_score_table(scores),
        "",
        *_range_table(about["ranges"]),
        "## Example",
        "",
        f"`example/` holds one FOV of {about['example_class']} and what the model predicts of it: "
        "`locgraph model check` predicts it again.",
        "",
        f"Licence: {card.license or 'none was stated'}. Written by locgraph {__version__}.",
        "",
    ]
    return "\n".join(lines)


def _kind(scores: Mapping[str, Any]) -> str:
    if scores["kind"] == "cross-validation":
        return (
            f"Cross-validated: {scores['n_folds']} networks with the settings of this model, each tested on FOVs that "
            f"neither it nor its controls had seen ({scores['n_test']:,} tests), on the data it was trained on."
        )
    return (
        f"One fold: {scores['n_test']:,} FOVs that neither the network nor its controls had seen. One fold does not "
        "show how much folds differ."
    )


def _header(reference: Reference, card: CardSettings, scores: Mapping[str, Any]) -> dict[str, Any]:
    rows = [row for row in scores["table"] if row["source"] == "model" and row["mean"] is not None]
    values = [
        {"type": row["metric"], "value": round(float(row["mean"]), 4), "name": f"{row['metric']} ({scores['kind']})"}
        for row in rows
    ]
    dataset = (list(card.datasets) or [scores["experiment"]])[0]
    result = {
        "task": {"type": "other", "name": "classification of fields of view"},
        "dataset": {"name": dataset, "type": dataset},
        "metrics": values,
    }
    return {
        "license": _NO_LICENCE if card.license is None else card.license.lower(),
        "library_name": "locgraph",
        "tags": [*_REPOSITORY_KEYWORDS, *card.tags],
        "datasets": list(card.datasets),
        "metrics": [row["metric"] for row in rows],
        "model-index": [{"name": str(reference), "results": [result]}],
    }


def _score_table(scores: Mapping[str, Any]) -> list[str]:
    rows = [row for row in scores["table"] if row["metric"] == "accuracy"]
    if scores.get("no_controls"):
        return [f"There are no controls: {scores['no_controls']}."]
    lines = ["| | accuracy | 95 % interval |", "|---|---|---|"]
    for row in rows:
        ends = [row["interval_low"], row["interval_high"]]
        interval = "-" if None in ends else f"{ends[0]:.3f} to {ends[1]:.3f}"
        mean = "-" if row["mean"] is None else f"{row['mean']:.3f}"
        lines.append(f"| {_SOURCES.get(row['source'], row['source'].replace('_', ' '))} | {mean} | {interval} |")
    return lines


def _range_table(ranges: Mapping[str, Any]) -> list[str]:
    if not ranges:
        return []
    lines = ["## Data it was trained on", "", "| | from | to | unit |", "|---|---|---|---|"]
    for name, (low, high, *_) in ranges["fovs"].items():
        unit = ranges["units"].get(name, "1")
        lines.append(f"| {name.replace('_', ' ')} | {low:.4g} | {high:.4g} | {'' if unit == '1' else unit} |")
    return [*lines, ""]


def _yaml(content: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=110)
