# SPDX-License-Identifier: Apache-2.0
"""What `rtc measure` does: files in, a table on the screen and files out."""

import os

from rtc_plugin.errors import UserError
from rtc_plugin.files import check_writable, whole_file
from rtc_plugin.measuring import files, measure, registry, suite

OUTPUTS = (".html", ".json", ".csv", ".parquet")


def run(
    codes_file,
    outputs,
    factors_file=None,
    factor_names=None,
    discrete_factors=None,
    metrics=("all",),
    bootstrap=0,
    seed=0,
    n_jobs=None,
    title=None,
    model="measured",
    dataset="",
    encoding=None,
    **names,
):
    """Measures codes, prints the scores and writes the report.

    Args:
        codes_file: See `files.read`.
        outputs: Files that end in one of `OUTPUTS`; the tables are those of
            `Report.to_table`.
        factors_file: File of the factors, if they are not in codes_file.
        factor_names: Names of the factors.
        discrete_factors: Names of the discrete ones; None finds out.
        metrics: As `measure`.
        bootstrap: As `measure`.
        seed: Its `random_state`.
        n_jobs: As `measure`.
        title: Heading of the page.
        model: Name of the model in a table.
        dataset: Name of its data set in a table.
        encoding: Arguments of `encoders.encode_named`, in place of codes_file.
        **names: codes_name, logvar_name, samples_name, factors_name: what the file
            calls its arrays.

    Raises:
        UserError: One line with the flag or file, what was found and what is needed.
    """
    if (codes_file is None) == (encoding is None):
        raise UserError(
            "give either CODES_FILE (rtc measure codes.npz) or --encoder and --data."
        )
    check_outputs(outputs)
    if encoding is None:
        called = {key.rpartition("_")[0]: name for key, name in names.items()}
        arguments = files.read_codes(codes_file, called)
    else:
        from rtc_plugin import encoders

        arguments = encoders.encode_named(**encoding, seed=seed)
        codes_file = encoding["encoder"]
        dataset = dataset or encoding["data"]
    if factors_file is not None:
        arguments["factors"], arguments["factor_names"] = files.read_factors(
            factors_file
        )
    if factor_names is not None:
        arguments["factor_names"] = factor_names
    report = measure(
        **arguments,
        discrete_factors="auto" if discrete_factors is None else discrete_factors,
        metrics=metrics,
        random_state=seed,
        bootstrap=bootstrap,
        n_jobs=n_jobs,
    )
    print(report)
    write(report, outputs, title or os.path.basename(codes_file), model, dataset)


def check_outputs(outputs):
    """Checks before a long computation that its outputs can be written.

    Raises:
        UserError: An ending is not among `OUTPUTS`, or a folder cannot be written.
    """
    for path in outputs:
        if not path.endswith(OUTPUTS):
            raise UserError(
                f"-o {path}: ends in none of {', '.join(OUTPUTS)}; give such a name."
            )
        check_writable("-o", path)


def write(report, outputs, title, model, dataset):
    """Writes a report to files, by their endings."""
    from rtc_plugin.results import table as results_table

    for path in outputs:
        if path.endswith((".csv", ".parquet")):
            results_table.write(report.to_table(model, dataset), path)
            continue
        text = report.to_json() if path.endswith(".json") else report.to_html(title)
        with whole_file(path) as partial:
            with open(partial, "w", encoding="utf-8") as file:
                file.write(text)
    if outputs:
        print(f"\nwritten: {', '.join(outputs)}")


def describe_scores():
    """Returns a table of all scores, as text."""
    lines = []
    for score in registry.SCORES.values():
        low, high = (f"{end:g}" for end in score.range)
        needs = suite.METRICS[score.metric].needs
        what = [f"{low} to {high}", score.unit, score.definition, f"of {needs}"]
        if score.direction:
            what.append(f"{score.direction} is better")
        lines.append(f"{score.name} ({score.metric}): {', '.join(filter(None, what))}")
        lines.append(f"    cannot see {score.blind}")
    return "\n".join(lines)
