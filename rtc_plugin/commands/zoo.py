# SPDX-License-Identifier: Apache-2.0
"""`rtc zoo`: the models of Locatello et al.'s study, read, rebuilt and compared."""

import sys

import click

from rtc_plugin.commands import options


@click.group(cls=options.Group)
def zoo():
    """Reads, re-evaluates, rebuilds and compares the models of Locatello et al.

    NUMBERS are such as 7, 0-49 or 0-49,1800. PATHS are zips, folders of zips or of
    models, and JSON files as dlib_aggregate_results writes them. Only `fetch` downloads
    anything, and only `evaluate` runs what it has been given.
    """


def _selection(command):
    """Adds the ways to choose models: numbers and filters."""
    for option in (
        click.argument("numbers", nargs=-1),
        click.option(
            "--dataset", type=options.Comma(), default=(), help="Only these data sets."
        ),
        click.option(
            "--model", type=options.Comma(), default=(), help="Only these methods."
        ),
        click.option(
            "--strength",
            type=options.Comma(float),
            default=(),
            help="Only these strengths of regularisation.",
        ),
        click.option(
            "--seed", type=options.Comma(int), default=(), help="Only these seeds."
        ),
    ):
        command = option(command)
    return command


def _select(numbers, filters, whole):
    """Returns the models that numbers and filters choose."""
    from rtc_plugin.errors import UserError
    from rtc_plugin.zoo import numbers as numbers_lib

    if not (numbers or any(filters.values()) or whole):
        raise UserError(
            "say which models: numbers such as 0-49 or filters such as "
            "--dataset=cars3d; 0-10799 are all that were published."
        )
    return numbers_lib.select(
        list(numbers),
        *(list(filters[name]) for name in ("dataset", "model", "strength", "seed")),
    )


@zoo.command("list")
@_selection
def list_models(numbers, **filters):
    """Shows which model has which number.

    Example: rtc zoo list --dataset=cars3d --model=factor_vae --seed=0
    """
    from rtc_plugin.zoo import numbers as numbers_lib

    print("\n".join(numbers_lib.tabulate(_select(numbers, filters, whole=True))))


@zoo.command()
@_selection
@click.option(
    "--base",
    help="Address or folder that the zips are below, https://... or file:///...; the "
    "zoo's old public address by default, which has refused access since 2026.",
)
@options.output("Folder for the zips.", default="zoo", show_default=True)
@options.workers(4, "Downloads at a time.")
def fetch(numbers, base, output, workers, **filters):
    """Downloads models' zips.

    Example: rtc zoo fetch 0-49 --base=https://host/folder
    """
    from rtc_plugin.errors import UserError
    from rtc_plugin.zoo import fetch as fetch_lib

    base = base or fetch_lib.PUBLIC_BASE
    chosen = _select(numbers, filters, whole=False)
    if base == fetch_lib.PUBLIC_BASE:
        print(fetch_lib.REFUSED, file=sys.stderr)
    failed = fetch_lib.fetch(
        [model.model_num for model in chosen], output, base, workers
    )
    print(f"{len(chosen) - len(failed)} of {len(chosen)} zips are in {output}")
    if failed:
        raise UserError(
            f"{len(failed)} could not be had, as said above: "
            f"{_shorten(sorted(failed))}. The same command tries them again."
        )


def _shorten(numbers, most=10):
    more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
    return ", ".join(map(str, numbers[:most])) + more


@zoo.command()
@click.argument("paths", nargs=-1, required=True)
@options.output(
    ".parquet and .csv files to write.",
    options.Comma(),
    default="scores.parquet",
    show_default=True,
)
@click.option(
    "--origin",
    type=click.Choice(["zoo", "own"]),
    default="zoo",
    help="Whose models these are.",
)
@options.strict
@options.workers(None, "Processes; all usable cores by default.")
def scores(paths, output, origin, strict, workers):
    """Gathers recorded scores into one table.

    Example: rtc zoo scores zoo/ more.zip -o scores.parquet,scores.csv
    """
    from rtc_plugin.zoo import scores as scores_lib

    num_models, num_rows, problems = scores_lib.collect(
        list(paths), list(output), origin, workers
    )
    print(f"{num_rows} scores of {num_models} models in {', '.join(output)}")
    scores_lib.report(problems, strict)


@zoo.command()
@click.argument("paths", nargs=-1, required=True)
@options.output("Folder for the results.", required=True)
@options.trust
@click.option(
    "--data",
    default="auto",
    help="Data set to measure on; what a model was trained on by default.",
)
@options.gin_bindings
@options.workers(None, "Processes; all usable cores by default.")
def evaluate(paths, output, trust, data, gin_bindings, workers):
    """Computes this plugin's metrics on modules.

    Example: rtc zoo evaluate zoo/ -o evaluated --trust
    """
    from rtc_plugin import files
    from rtc_plugin.errors import UserError
    from rtc_plugin.zoo import evaluate as evaluate_lib
    from rtc_plugin.zoo import scores as scores_lib

    with files.only_writer("--output", output):
        num_done, problems = evaluate_lib.evaluate(
            list(paths), output, trust, data, list(gin_bindings), workers
        )
    scores_lib.report(problems)
    print(f"{num_done} models have their metrics in {output}")
    if problems:
        raise UserError(
            f"{len(problems)} could not be measured, as said above; the same command "
            "tries them again."
        )


@zoo.command()
@_selection
@options.output("Folder for the models.", required=True)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help="training_steps instead of the study's 300,000.",
)
@click.option(
    "--twins",
    is_flag=True,
    help="Train on the rendered twins of dSprites and Shapes3D.",
)
@click.option(
    "--light",
    is_flag=True,
    help="Fewer metrics, on fewer images than the study's.",
)
@options.gin_bindings
@options.workers(1, "Models at a time.")
def rebuild(numbers, output, steps, twins, light, gin_bindings, workers, **filters):
    """Trains and evaluates models anew, as the study defines them.

    Example: rtc zoo rebuild 300-304 -o output/rebuilt --workers=2
    """
    from rtc_plugin.errors import UserError
    from rtc_plugin.zoo import rebuild as rebuild_lib
    from rtc_plugin.zoo import scores as scores_lib

    chosen = [model.model_num for model in _select(numbers, filters, whole=False)]
    num_done, problems = rebuild_lib.rebuild(
        chosen, output, steps, twins, light, list(gin_bindings), workers
    )
    scores_lib.report(problems)
    print(f"{num_done} of {len(chosen)} models are done in {output}")
    if num_done < len(chosen):
        raise UserError(
            f"{len(chosen) - num_done} models are not done, as said above; the same "
            "command goes on with them."
        )


@zoo.command()
@click.argument("own", nargs=-1)
@click.option(
    "--zoo",
    "others",
    type=options.Comma(),
    default=(),
    help="Tables, zips or folders of the zoo's side; by default the rebuilt sample "
    "that ships with rtc_plugin.",
)
@options.output("Folder for the page.", default="comparison", show_default=True)
def compare(own, others, output):
    """Sets own runs (folders, zips, tables) beside the zoo's, as a page.

    Example: rtc zoo compare output/rtc_study_small
    """
    from rtc_plugin import files
    from rtc_plugin.report import comparison as page
    from rtc_plugin.zoo import compare as compare_lib

    comparison = compare_lib.compare(list(own), list(others))
    print(comparison.notice)
    with files.only_writer("--output", output):
        paths = page.write(comparison, output)
    print("\n".join(map(str, paths)))


@zoo.command()
def cite():
    """Prints BibTeX."""
    from rtc_plugin.zoo import citation

    print(citation.text())
