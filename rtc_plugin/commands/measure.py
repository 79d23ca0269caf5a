# SPDX-License-Identifier: Apache-2.0
"""`rtc measure`: the library's numbers of the codes of any model."""

import click

from rtc_plugin.commands import options


@click.command()
@click.argument("codes_file", required=False)
@click.option(
    "--factors", "factors_file", help="File of the factors, if CODES_FILE has none."
)
@click.option("--codes_name", help="What the file calls the means.")
@click.option("--logvar_name", help="What the file calls the log variances.")
@click.option("--samples_name", help="What the file calls draws of z ~ q(z|x).")
@click.option("--factors_name", help="What the file calls the factors.")
@click.option(
    "--factor_names", type=options.Comma(), help="Names of the factors, in order."
)
@click.option(
    "--discrete_factors",
    type=options.Comma(),
    help="Names of the factors that take few values; found out by default.",
)
@click.option(
    "--metrics",
    type=options.Comma(),
    default="all",
    show_default=True,
    help="Metrics or scores, 'tc' for total correlations; --list names them.",
)
@options.output("Files for the report: .html, .json, .csv, .parquet.", options.Comma())
@click.option(
    "--bootstrap",
    type=click.IntRange(min=0),
    default=0,
    help="Resamples of the images behind 95 % intervals, 200 say.",
)
@click.option("--seed", type=int, default=0, help="Seed of what is random.")
@click.option("--n_jobs", type=int, help="Processes; -1 for all cores.")
@click.option("--title", help="Heading of the page.")
@click.option("--model", default="measured", help="The model's name in a table.")
@click.option("--dataset", default="", help="The data set's name in a table.")
@click.option("--list", "show_list", is_flag=True, help="List all scores and stop.")
def measure(codes_file, show_list, output, **settings):
    """Measures the codes of any model, of any framework.

    CODES_FILE is npz, h5 (arrays `codes` or `z_mean`, `logvar` or `z_logvar`,
    `factors`), npy, csv or parquet (columns z_0, z_1, ...; others are factors).

    Example: rtc measure codes.npz -o report.html,scores.json
    """
    from rtc_plugin.measuring import command

    if show_list:
        print(command.describe_scores())
        return
    command.run(codes_file, output or (), **settings)
