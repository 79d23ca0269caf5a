# SPDX-License-Identifier: Apache-2.0
"""The command `rtc` and how it ends: in a result, or in one line that says why not."""

import os
import sys

import click

import rtc_plugin
from rtc_plugin.commands import (
    configs,
    data,
    estimators,
    evaluate,
    export_encoder,
    measure,
    options,
    study,
    summary,
    visualize,
    zoo,
)


@click.group(cls=options.Group, context_settings={"max_content_width": 88})
@click.option("--debug", is_flag=True, help="Show the traceback of a user error.")
@click.version_option(rtc_plugin.__version__, prog_name="rtc_plugin")
def rtc(debug):
    """Studies, measurements and figures beside disentanglement_lib's dlib_* commands.

    Training, extraction and evaluation of one model are the library's own:
    dlib_train, dlib_postprocess, dlib_evaluate, dlib_reproduce.
    """


for verb in (
    configs.configs,
    data.data,
    estimators.estimators,
    evaluate.evaluate,
    export_encoder.export_encoder,
    measure.measure,
    study.study,
    summary.summary,
    visualize.visualize,
    zoo.zoo,
):
    rtc.add_command(verb)


def main(arguments=None):
    """Runs the command line.

    Args:
        arguments: List of strings, those of the process if None.

    Returns:
        Exit code: 0, 1 for an error that the user can mend or an unfinished job, 2 for
        a command line that does not make sense, 130 when interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    # As whose command this process counts, also when started by `python -m`.
    sys.argv[0] = "rtc"
    from rtc_plugin.compat import commands

    commands.exit_at_sigterm()
    try:
        code = rtc.main(arguments, prog_name="rtc", standalone_mode=False)
        sys.stdout.flush()
        return code or 0
    except BrokenPipeError:
        # Whoever reads the list, such as head, has seen enough of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except click.ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # click 8.1 has none.
            error.show()
            return 2
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "rtc"
        message = error.format_message().rstrip(".").replace("\n", " ")
        print(f"rtc: {message}; see {path} --help.", file=sys.stderr)
        return 2
    except click.Abort:
        print("rtc: interrupted.", file=sys.stderr)
        return 130
    except Exception as error:
        message = commands.explain(error, error.__traceback__)
        if message is None or "--debug" in arguments:
            raise
        print(f"rtc: {message}", file=sys.stderr)
        return 1
