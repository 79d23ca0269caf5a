# SPDX-License-Identifier: Apache-2.0
"""What the verbs of `rtc` have in common: options that mean one thing everywhere."""

import difflib

import click


class Group(click.Group):
    """A group of verbs that suggests the nearest one for a misspelt one."""

    def resolve_command(self, ctx, args):
        """Finds the verb, or says which there are."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            verbs = self.list_commands(ctx)
            near = difflib.get_close_matches(args[0], verbs, n=1)
            hint = f"did you mean {near[0]}?" if near else f"verbs: {', '.join(verbs)}"
            ctx.fail(f"no such verb: {args[0]}; {hint}")
        return super().resolve_command(ctx, args)


class Comma(click.ParamType):
    """A list such as 2,4,8.

    Args:
        kind: Type of an element: int, float or str.
    """

    def __init__(self, kind=str):
        self.name = {int: "INTEGERS", float: "NUMBERS"}.get(kind, "LIST")
        self._kind = kind

    def convert(self, value, param, ctx):
        """Returns a tuple."""
        if not isinstance(value, str):
            return value
        try:
            return tuple(self._kind(part.strip()) for part in value.split(","))
        except ValueError:
            what = "whole numbers" if self._kind is int else "numbers"
            self.fail(f"{value!r} is not a list of {what} such as 2,4.", param, ctx)


def output(text, kind=str, **options):
    """Returns the option -o/--output: where the result goes, a file or a folder."""
    return click.option("-o", "--output", type=kind, help=text, **options)


root = click.option(
    "--root", help="Folder of the study; output/STUDY if --study is given."
)
study = click.option("--study", help="Name of the study, or module:Class.")
models = click.option(
    "--models", help="Numbers of models, such as 0-5,8; all by default."
)
filters = click.option(
    "--filter",
    "conditions",
    help="Which models, such as model=rtc_vae,dataset=shapes3d*,seed=0.",
)
gin_bindings = click.option(
    "--gin_bindings", multiple=True, help="A further gin binding; may be repeated."
)
trust = click.option(
    "--trust",
    is_flag=True,
    help="Run the model's TFHub module, a program, with your rights: only for models "
    "whose source you trust.",
)
overwrite = click.option(
    "--overwrite", is_flag=True, help="Replace what is there already."
)
size = click.option(
    "--size",
    type=click.IntRange(min=1),
    help="Cut and scale pictures of your own to SIZE x SIZE.",
)
layout = click.option(
    "--layout",
    type=click.Choice(["nhwc", "nchw"]),
    default="nhwc",
    show_default=True,
    help="The axes of the images that the encoder takes.",
)
num_images = click.option(
    "--num_images",
    type=click.IntRange(min=2),
    default=15_000,
    show_default=True,
    help="Images to encode, all where there are no more.",
)
strict = click.option(
    "--strict",
    is_flag=True,
    help="What cannot be read is an error; the rest is written all the same.",
)


def workers(default, text):
    """Returns the option --workers."""
    return click.option(
        "--workers", type=click.IntRange(min=1), default=default, help=text
    )
