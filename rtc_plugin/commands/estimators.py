# SPDX-License-Identifier: Apache-2.0
"""`rtc estimators`: compares the estimators of total correlation."""

import click

from rtc_plugin.commands import options

STUDIES = (
    "figure2",
    "dimension",
    "batch",
    "sigma",
    "shutdown",
    "dataset_size",
    "theorem1",
    "gradient",
)


@click.group(cls=options.Group)
def estimators():
    """Compares the estimators of total correlation with exact values."""


def _shared(command):
    """Adds the options that both verbs take."""
    for option in (
        click.option("--batch_sizes", type=options.Comma(int), help="Batch sizes, B."),
        click.option(
            "--dataset_size",
            "dataset_sizes",
            type=options.Comma(int),
            help="Data set sizes, N.",
        ),
        click.option(
            "--estimators",
            type=options.Comma(),
            help="Estimators; the study's own by default.",
        ),
        click.option("--repetitions", type=int, help="Batches per cell."),
        click.option("--seed", type=int, default=0, help="Seed of everything random."),
        click.option(
            "--discriminator_steps",
            type=int,
            default=1000,
            help="Training steps of the density ratio's discriminator.",
        ),
        options.output("Folder for table, figure and summary.", required=True),
    ):
        command = option(command)
    return command


@estimators.command()
@click.argument("name", type=click.Choice(STUDIES), metavar="NAME")
@click.option("--dims", type=options.Comma(int), help="Numbers of latents, D.")
@click.option(
    "--sigma",
    "sigmas",
    type=options.Comma(float),
    help="Standard deviations of the noise.",
)
@click.option(
    "--structure",
    "structures",
    type=options.Comma(),
    help="equicorrelation, blocks, random.",
)
@click.option(
    "--targets",
    type=options.Comma(float),
    help="Values of --target_on; numbers of latents to shut in sigma and shutdown.",
)
@click.option(
    "--target_on",
    type=click.Choice(["det", "tc_mean", "tc_sample"]),
    help="What the targets are set on.",
)
@options.workers(None, "Processes; all usable cores by default.")
@_shared
def study(name, output, **settings):
    """Runs one study on populations whose total correlation is known.

    NAME is figure2, dimension, batch, sigma, shutdown, dataset_size, theorem1 or
    gradient.

    Example: rtc estimators study figure2 -o output/estimators
    """
    from rtc_plugin import files
    from rtc_plugin.estimators import study as study_lib

    with files.only_writer("--output", output):
        study_lib.run(name, output, **settings)
    print(f"Written to {output}")


@estimators.command()
@click.option("--model_dir", required=True, help="Folder that dlib_train wrote.")
@click.option(
    "--num_samples", type=int, default=5000, help="Draws for the exact value."
)
@options.trust
@_shared
def model(model_dir, output, trust, **settings):
    """Compares the estimators on a trained model with its exact total correlation.

    Example: rtc estimators model --model_dir=output/rtcvae -o output/on_model --trust
    """
    from rtc_plugin.runs import check_trust

    check_trust(trust)
    # Only this one needs TensorFlow.
    from rtc_plugin import files
    from rtc_plugin.estimators import on_model

    with files.only_writer("--output", output):
        on_model.run(model_dir, output, **settings)
    print(f"Written to {output}")
