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
@click.option(
    "--encoder",
    help="In place of CODES_FILE: module:function, .onnx, TorchScript (.pt), "
    "torch.export (.pt2), or the folder of a SavedModel or TFHub module.",
)
@click.option(
    "--data",
    help="What it encodes: a data set's name, or a file or folder of your own.",
)
@click.option(
    "--trust",
    is_flag=True,
    help="Run an encoder that is a program: all are but .onnx.",
)
@options.layout
@click.option(
    "--range",
    "value_range",
    type=options.Comma(float),
    default="0,1",
    show_default=True,
    help="Black and white for it, such as -1,1.",
)
@click.option(
    "--outputs",
    "encoder_outputs",
    type=options.Comma(),
    default=(),
    help="Names or positions of its means and log variances; found out by default.",
)
@click.option("--signature", help="Of a SavedModel or TFHub module; found out.")
@options.num_images
@options.size
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
def measure(
    codes_file,
    show_list,
    output,
    encoder,
    data,
    trust,
    layout,
    value_range,
    encoder_outputs,
    signature,
    num_images,
    size,
    **settings,
):
    """Measures the codes of any model, of any framework.

    CODES_FILE is npz, h5 (arrays `codes` or `z_mean`, `logvar` or `z_logvar`,
    `factors`), npy, csv or parquet (columns z_0, z_1, ...; others are factors).

    Example: rtc measure codes.npz -o report.html,scores.json

    Example: rtc measure --encoder=vae.onnx --data=dsprites_rendered --layout=nchw
    """
    from rtc_plugin.measuring import command

    if show_list:
        print(command.describe_scores())
        return
    encoding = None
    if encoder is not None or data is not None:
        encoding = {
            "encoder": encoder,
            "data": data,
            "trust": trust,
            "layout": layout,
            "value_range": value_range,
            "outputs": encoder_outputs,
            "signature": signature,
            "num_images": num_images,
            "size": size,
        }
    command.run(codes_file, output or (), encoding=encoding, **settings)
