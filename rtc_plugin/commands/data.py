# SPDX-License-Identifier: Apache-2.0
"""`rtc data`: lists, fetches, checks and exports data sets."""

import click

from rtc_plugin.commands import options


@click.group(cls=options.Group)
def data():
    """Lists, fetches, checks and exports data sets.

    Files lie in the folder that the environment variable DISENTANGLEMENT_LIB_DATA names
    (the working folder if it names none). Nothing but `fetch` ever downloads.
    """


@data.command("list")
def list_data():
    """Shows what there is, and where it is looked for."""
    from rtc_plugin.data import check

    rows = check.table()
    header = {key: key for key in rows[0]}
    widths = {key: max(len(row[key]) for row in [header, *rows]) for key in header}
    for row in [header, *rows]:
        print("  ".join(row[key].ljust(widths[key]) for key in header).rstrip())


@data.command()
@click.argument("name")
@click.option(
    "--mirror",
    help="Prefix, such as https://host/folder or file:///folder, to take the files "
    "from instead of their public addresses.",
)
def fetch(name, mirror):
    """Downloads the public files of a data set; an interrupted download goes on.

    Example: rtc data fetch shapes3d
    """
    from rtc_plugin.data import fetch as fetch_lib
    from rtc_plugin.data.ground_truth import named_data
    from rtc_plugin.errors import UserError

    if not named_data.files_of(name):
        known = ", ".join(filter(named_data.files_of, named_data.NAMES))
        raise UserError(f"There is no file for {name!r}; there are files for: {known}.")
    for path in fetch_lib.fetch(name, mirror):
        print(path)


@data.command()
@click.argument("name")
@options.output("The PNG file to write, NAME.png by default.")
def check(name, output):
    """Verifies the files of a data set and draws a contact sheet.

    Example: rtc data check shapes3d -o sheet.png
    """
    from rtc_plugin.data import check as check_lib

    print("\n".join(check_lib.check(name, output or f"{name}.png")))


@data.command()
@click.argument("name")
@options.output(
    "The file to write, or a folder that gets the public file's layout.", required=True
)
@options.overwrite
def export(name, output, overwrite):
    """Writes a rendered twin in the public file's format.

    Example: rtc data export shapes3d_rendered -o 3dshapes.h5
    """
    from rtc_plugin.data import export as export_lib

    print(export_lib.export(name, output, overwrite))
