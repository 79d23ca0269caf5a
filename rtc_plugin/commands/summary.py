# SPDX-License-Identifier: Apache-2.0
"""`rtc summary`: the scores below a folder."""

import click


@click.command()
@click.argument("folder")
def summary(folder):
    """Prints the scores of all evaluations below FOLDER.

    Example: rtc summary output/quickstart/metrics
    """
    from rtc_plugin.results import summary as summary_lib

    print(summary_lib.tabulate(summary_lib.read_scores(folder)))
