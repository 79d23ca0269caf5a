# SPDX-License-Identifier: Apache-2.0
"""`rtc visualize`: figures of a trained model."""

import click

from rtc_plugin.commands import options


@click.command()
@click.option("--model_dir", required=True, help="Folder that dlib_train has made.")
@options.output("Folder for the figures, PNG and SVG.", required=True)
@options.overwrite
@options.trust
@click.option(
    "--seed", type=int, default=0, help="Seed of the images and samples drawn."
)
@click.option(
    "--num_points",
    type=click.IntRange(min=10),
    default=2000,
    help="Points of the scatter plots.",
)
def visualize(model_dir, output, overwrite, trust, seed, num_points):
    """Draws the latents, reconstructions, walks and samples of a trained model.

    Example: rtc visualize --model_dir=output/rtcvae -o output/rtcvae_figures --trust
    """
    from rtc_plugin.runs import check_trust

    check_trust(trust)
    from rtc_plugin.visualize import run

    names = run.visualize(model_dir, output, overwrite, seed, num_points)
    print(f"{', '.join(names)}: PNG and SVG in {output}")
