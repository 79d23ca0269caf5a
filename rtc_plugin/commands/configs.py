# SPDX-License-Identifier: Apache-2.0
"""`rtc configs`: the gin files that `--gin_config` finds from anywhere."""

import click

from rtc_plugin.commands import options


@click.group(cls=options.Group)
def configs():
    """Lists the gin files that come along, and copies one out for editing.

    dlib_* find them by these names from any folder; a file of your own wins.
    """


@configs.command("list")
def list_configs():
    """Shows the files and what each says of itself."""
    from rtc_plugin import configs as configs_lib

    known = configs_lib.list_configs()
    width = max(map(len, known))
    for name, what in known.items():
        print(f"{name.ljust(width)}  {what}")


@configs.command()
@click.argument("name")
@options.output("The file to write, NAME in the working folder by default.")
def copy(name, output):
    """Copies a file out, to be edited.

    Example: rtc configs copy gin/rtcvae_shapes3d.gin -o mine.gin
    """
    from rtc_plugin import configs as configs_lib

    print(configs_lib.copy_config(name, output or name))
