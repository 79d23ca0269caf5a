# SPDX-License-Identifier: Apache-2.0
"""`rtc study`: runs the models of a study and gathers their results."""

import functools
import os

import click

from rtc_plugin.commands import options

# Options of `run` that only some backends take.
_BACKEND_OPTIONS = {
    "local": (),
    "ray": ("address", "num_cpus_per_model", "num_gpus_per_model"),
    "slurm": ("num_cpus_per_model", "num_gpus_per_model"),
}


@click.group(cls=options.Group)
def study():
    """Runs the models of a study and gathers their results.

    What is done is never done again: the same command goes on after a crash, a kill or
    a failed model.
    """


@study.command("list")
@options.study
@options.models
@options.filters
def list_studies(study, models, conditions):
    """Shows the studies, or the models of one.

    Example: rtc study list --study=rtc_study_small --filter=strength=50
    """
    from disentanglement_lib.config import reproduce

    from rtc_plugin.studies import runner, selection, study_folder

    if study is not None:
        known = study_folder.list_models(study_folder.load_study(study))
        for num in selection.select(known, models, conditions):
            print(f"{num:6}  {runner.describe(known[num])}")
        return
    for name, one in sorted(reproduce.STUDIES.items()):
        print(f"{name:30} {len(study_folder.list_models(one)):6} models")


@study.command()
@options.study
@options.root
@options.models
@options.filters
@click.option(
    "--backend",
    type=click.Choice(list(_BACKEND_OPTIONS)),
    default="local",
    help="Where the models run.",
)
@options.workers(
    None, "How many models at a time; one per core by default, one with slurm."
)
@click.option(
    "--retries",
    type=click.IntRange(min=0),
    default=1,
    help="Tries of a failed model.",
)
@options.gin_bindings
@click.option(
    "--evaluation_bindings",
    multiple=True,
    help="A further binding of each evaluation; may be repeated.",
)
@click.option(
    "--accept_other_version",
    is_flag=True,
    help="Go on in a folder that another version has begun.",
)
@click.option("--address", help="ray: the cluster; one on this machine if not set.")
@click.option(
    "--num_cpus_per_model", type=float, default=1, help="ray, slurm: CPUs of a model."
)
@click.option(
    "--num_gpus_per_model", type=float, default=0, help="ray, slurm: GPUs of a model."
)
def run(study, root, models, conditions, backend, gin_bindings, **settings):
    """Runs all models that are not done.

    Example: rtc study run --study=rtc_study_small --workers=2
    """
    from rtc_plugin.errors import UserError

    if study is None:
        raise UserError("--study is missing; `rtc study list` names them.")
    from rtc_plugin.studies import backends

    workers = settings["workers"] or backends.default_workers(backend)
    threads = settings["num_cpus_per_model"]
    if backend == "local":
        threads = backends.threads_per_model(workers)
    settings["workers"] = workers
    # Now: the imports take seconds.
    click.echo(
        f"Running what is left of {study} in {_root(root, study)}, {workers} at a time "
        f"({backend}), threads of each: {threads:g}.",
        err=True,
    )
    from rtc_plugin.studies import runner, selection, study_folder

    known = study_folder.list_models(study_folder.load_study(study))
    for name in {*_BACKEND_OPTIONS["ray"]} - {*_BACKEND_OPTIONS[backend]}:
        del settings[name]
    states = runner.run(
        study,
        model_nums=selection.select(known, models, conditions),
        root=root,
        bindings=gin_bindings,
        backend=backend,
        **settings,
    )
    done = sum(state == study_folder.DONE for state in states.values())
    print(f"{done} of {len(states)} models are done.")
    return 0 if done == len(states) or backend == "slurm" else 1


@study.command()
@options.study
@options.root
@options.models
@options.filters
def status(study, root, models, conditions):
    """Shows how far each model is.

    Example: rtc study status --root=output/rtc_study_small
    """
    from rtc_plugin.studies import runner, selection, study_folder

    folder = study_folder.StudyFolder(_root(root, study), study)
    known = study_folder.list_models(folder.study)
    counts = {}
    for num in selection.select(known, models, conditions):
        state, detail = folder.state(num)
        counts[state] = counts.get(state, 0) + 1
        if state != study_folder.WAITING:
            print(f"{num:6}  {state:10}  {runner.describe(known[num])}  {detail}")
    print(", ".join(f"{count} {state}" for state, count in counts.items()))


@study.command()
@options.study
@options.root
@options.output("Files to write instead of results.parquet and .csv.", options.Comma())
@click.option("--origin", help="Mark for the column origin.")
@options.strict
def collect(study, root, output, origin, strict):
    """Writes results.parquet and results.csv, one row per score.

    Example: rtc study collect --root=output/rtc_study_small
    """
    from rtc_plugin.results import collect as collect_lib
    from rtc_plugin.results import records

    summary = collect_lib.collect(_root(root, study), output, origin)
    print(
        f"{summary.num_rows} scores of {summary.num_models} models are in "
        f"{' and '.join(summary.paths)}"
    )
    records.report(summary.problems, strict)


def _of_table(name, text):
    """Makes a verb of a function that writes something about a study's results.

    Args:
        name: What it writes, in the study's folder by default.
        text: What that is, for the help.

    Returns:
        Decorator of a function of the collected table, the study's folder and the
        output.
    """

    def decorate(function):
        @functools.wraps(function)
        def verb(study, root, output, **more):
            root = _root(root, study)
            output = output or os.path.join(root, name)
            return function(_collect(root), root, output, **more)

        output = options.output(f"{text}, {name} in the study's folder by default.")
        return study.command()(options.study(options.root(output(verb))))

    return decorate


@_of_table("report.html", "The file to write")
def report(table, root, output):
    """Collects, and writes the page: one self-contained HTML file.

    Example: rtc study report --root=output/rtc_study_small
    """
    from rtc_plugin.report import page
    from rtc_plugin.studies import study_folder

    settings = study_folder.read_settings(root) or {}
    title = click.get_current_context().params["study"]
    title = title or settings.get("study", os.path.basename(root))
    page.write_page(table, root, output, title)
    print(f"The page is {output}")


@_of_table("headline", "The folder to write")
@click.option(
    "--curves",
    type=options.Comma(),
    default="",
    help="Models whose learning curves to show, trained by tc_monitor.",
)
def headline(table, root, output, curves):
    """Collects, and writes the headline's tables and figures.

    Example: rtc study headline --root=output/rtc_study_small
    """
    from rtc_plugin.report import headline as headline_lib

    curves = [folder for folder in curves if folder]
    paths = headline_lib.write(table, output, curves)
    print(f"The headline is {paths[-1]}")


@_of_table("hparams", "The folder to write")
def hparams(table, root, output):
    """Collects, and writes what TensorBoard shows of the models.

    Example: rtc study hparams --root=output/rtc_study_small
    """
    from rtc_plugin.report import tensorboard as hparams_lib

    count = hparams_lib.write_hparams(table, root, output)
    print(f"{count} models: tensorboard --logdir={output}")


def _collect(root):
    """Writes the results table and returns it."""
    from rtc_plugin.results import collect as collect_lib
    from rtc_plugin.results import records
    from rtc_plugin.results import table as results_table

    summary = collect_lib.collect(root)
    records.report(summary.problems)
    return results_table.read(summary.paths[0])


def _root(root, study):
    from rtc_plugin.errors import UserError

    if root is None and study is None:
        raise UserError("--root is missing; give the folder of a study.")
    return root or os.path.join("output", study.rpartition(":")[2])
