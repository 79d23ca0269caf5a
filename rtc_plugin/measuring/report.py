# SPDX-License-Identifier: Apache-2.0
"""What `measure` gives: scores with their meaning, and what may be made of them."""

import json
import math
from typing import NamedTuple, Optional

import rtc_plugin
from rtc_plugin.measuring import registry, suite
from rtc_plugin.measuring.registry import format_number

COLUMNS = (
    "score",
    "value",
    "low",
    "high",
    "unit",
    "range",
    "better",
    "definition",
    "metric",
    "needs",
    "cannot see",
    "reason",
)
ORIGIN = "measured"


class Value(NamedTuple):
    """A score of a report.

    Attributes:
        value: Number; None if it cannot be had, and then `reason` says why.
        low, high: Ends of the 95 % interval over images; None without.
        reason: Sentence; '' where there is a value and nothing to say.
        meaning: `registry.Score`.
    """

    value: Optional[float]
    low: Optional[float]
    high: Optional[float]
    reason: str
    meaning: registry.Score


class Report(NamedTuple):
    """The scores of one model, and all that its metrics have found.

    Attributes:
        arrays: `arrays.Arrays` that were measured.
        results: Dictionary from metrics to what `dlib_evaluate` writes of them.
        lacking: Dictionary from metrics that were asked for to what they need.
        seconds: Dictionary from metrics to how long they took.
        intervals: Dictionary from scores to (low, high), or a sentence why not.
        settings: What was asked for.
    """

    arrays: object
    results: dict
    lacking: dict
    seconds: dict
    intervals: dict
    settings: dict

    @property
    def scores(self):
        """Dictionary from the names of all scores that were asked for to `Value`s."""
        return {
            score.name: self._value(score)
            for score in registry.SCORES.values()
            if score.metric in self.lacking or score.metric in self.results
        }

    def _value(self, score):
        if score.metric in self.lacking:
            reason = f"needs {self.lacking[score.metric]}"
            return Value(None, None, None, reason, score)
        results = self.results[score.metric]
        value = results.get(score.key)
        reason = results.get("reasons", {}).get(score.key, "")
        if value is None and not reason:
            reason = "not of these arrays"
        found = self.intervals.get(score.name, (None, None))
        if isinstance(found, str):
            found, reason = (None, None), reason or found
        return Value(value, *found, reason, score)

    @property
    def notes(self):
        """List of sentences on what was found in the arrays and done about it."""
        return self.arrays.notes

    def __str__(self):
        """Returns the scores as a table, and below it what could not be had."""
        lines = [f"{self.size}; {len(self.results)} metrics"]
        lines += [f"note: {note}" for note in self.notes]
        known = [v for v in self.scores.values() if v.value is not None]
        width = max([5, *(len(v.meaning.name) for v in known)])
        lines.append("")
        for value in known:
            score = value.meaning
            interval = ""
            if value.low is not None:
                interval = f"[{format_number(value.low)}, {format_number(value.high)}]"
            better = f"{score.direction} is better" if score.direction else ""
            what = [score.unit, better, score.definition]
            lines.append(
                f"{score.name:{width}} {format_number(value.value):>9} {interval:18} "
                f"{', '.join(filter(None, what))}"
            )
        reasons = {}
        for name, value in self.scores.items():
            if value.value is None:
                reasons.setdefault(value.reason, []).append(name)
        lines += [""] * bool(reasons)
        lines += [f"not computed: {', '.join(n)}: {why}" for why, n in reasons.items()]
        return "\n".join(lines)

    __repr__ = __str__

    @property
    def size(self):
        """How many rows, latents and factors were measured, in words."""
        num_rows, num_latent = self.arrays.codes.plain.shape
        factors = ""
        if self.arrays.factors is not None:
            factors = f", {self.arrays.factors.shape[1]} factors"
        return f"{num_rows} rows, {num_latent} latents{factors}"

    def to_frame(self):
        """Returns a pandas DataFrame with a row per score and `COLUMNS`."""
        import pandas as pd

        rows = []
        for name, found in self.scores.items():
            score = found.meaning
            low, high = (f"{end:g}" for end in score.range)
            rows.append(
                (
                    name,
                    math.nan if found.value is None else found.value,
                    math.nan if found.low is None else found.low,
                    math.nan if found.high is None else found.high,
                    score.unit,
                    f"{low} to {high}",
                    score.direction,
                    score.definition,
                    score.metric,
                    suite.METRICS[score.metric].needs,
                    score.blind,
                    found.reason,
                )
            )
        return pd.DataFrame(rows, columns=COLUMNS)

    def to_json(self):
        """Returns everything but the arrays as JSON text."""
        frame = self.to_frame().astype(object).set_index("score")
        scores = frame.where(frame.notna(), None).to_dict("index")
        return json.dumps(
            {
                "rtc_plugin": rtc_plugin.__version__,
                "settings": self.settings,
                "size": self.size,
                "notes": self.notes,
                "scores": scores,
                "results": self.results,
                "seconds": self.seconds,
            },
            indent=1,
        )

    def to_table(
        self, model="measured", dataset="", study="", seed=None, strength=None
    ):
        """Returns a table of `rtc_plugin.results`, to stand beside a study's.

        Args:
            model: What to call the model.
            dataset: Name of its data set; one of a study's, to be compared with it.
            study: Name of the study that it is part of.
            seed: Its seed.
            strength: Strength of its regularisation.

        Returns:
            DataFrame as `results.table.to_table` gives it: one row per number, lists
            element by element, under the names that an evaluation has in a study.
        """
        from rtc_plugin.results import table as results_table

        common = dict(
            dataset=dataset,
            model=model,
            seed=seed,
            strength=strength,
            num_latent=self.arrays.codes.plain.shape[1],
        )
        rows = []
        for metric, results in self.results.items():
            record = {f"evaluation_results.{k}": v for k, v in results.items()}
            # As in a study: what its own metrics take, and what ours do.
            representation = self.arrays.codes.representation
            if not suite.METRICS[metric].is_plugins:
                representation = "mean"
            record["evaluation_config.evaluation.name"] = repr(metric)
            record["postprocess_config.postprocess.name"] = repr(representation)
            for row in results_table.tidy_rows(record, ORIGIN, study):
                rows.append({**row, **common})
        return results_table.to_table(rows)

    def figures(self):
        """Returns a dictionary from names to matplotlib figures.

        'pairs', and of means and log variances 'latents'; with factors 'scores',
        'top2_r2' and 'top2_nmi' (see `rtc visualize`).
        """
        from rtc_plugin.measuring import figures

        return figures.draw(self)

    def to_html(self, title="Codes, measured"):
        """Returns a page as text: one HTML file that needs no other and no network."""
        from rtc_plugin.measuring import page

        return page.render(self, title)
