# SPDX-License-Identifier: Apache-2.0
"""`rtc evaluate`: all metrics of trained models in one process."""

import click

from rtc_plugin.commands import options


@click.command()
@click.argument("models", nargs=-1, required=True)
@click.option(
    "--study",
    default="unsupervised_study_v1",
    show_default=True,
    help="Study, or module:Class, whose metrics and representations to compute.",
)
@click.option(
    "--metrics",
    type=options.Comma(),
    default=(),
    help="gin files, folders of them or names such as mig,infomec, in place of the "
    "study's metrics.",
)
@click.option(
    "--representations",
    type=options.Comma(),
    default=(),
    help="gin files, or names such as mean,sampled, in place of the study's.",
)
@options.output("Folder for the results; by default beside each folder `model`.")
@options.gin_bindings
def evaluate(models, study, metrics, representations, output, gin_bindings):
    """Computes all metrics of MODELS, folders of models or of a study among them.

    What is done is kept, and the same command goes on after an interruption. Results,
    their layout and their seeds are those of dlib_reproduce --model_dir.

    Example: rtc evaluate output/rtc_study_small --metrics=mig,infomec
    """
    from rtc_plugin.studies import evaluate as evaluate_lib

    found = evaluate_lib.find_models(models, output)
    metric_files = evaluate_lib.find_configs("--metrics", metrics, "gin/metrics")
    postprocess_files = evaluate_lib.find_configs(
        "--representations", representations, "gin/postprocess"
    )
    from rtc_plugin.compat import early_checks

    early_checks.read_bindings([], gin_bindings)
    # Now: the imports take seconds.
    click.echo(f"Evaluating {', '.join(folder for _, folder in found)}.", err=True)
    if not (metric_files and postprocess_files):
        from rtc_plugin.studies import study_folder

        settings = study_folder.load_study(study)
        metric_files = metric_files or settings.get_eval_config_files()
        postprocess_files = postprocess_files or settings.get_postprocess_config_files()
    num_failed = evaluate_lib.evaluate(
        found, postprocess_files, metric_files, gin_bindings
    )
    print(evaluate_lib.tabulate(found))
    if num_failed:
        from rtc_plugin.errors import UserError

        raise UserError(
            f"{num_failed} steps are not done, as said above; the same command tries "
            "them again."
        )
