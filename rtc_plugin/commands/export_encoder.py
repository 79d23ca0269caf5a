# SPDX-License-Identifier: Apache-2.0
"""`rtc export-encoder`: a trained model for other frameworks."""

import click

from rtc_plugin.commands import options


@click.command("export-encoder")
@click.option("--model_dir", required=True, help="Folder that dlib_train has made.")
@options.output("encoder.onnx, or codes.npz for codes of images.", required=True)
@options.layout
@click.option(
    "--data", help="What the codes are of; what the model was trained on by default."
)
@options.num_images
@options.size
@click.option("--seed", type=int, default=0, help="Seed of the draw of images.")
def export_encoder(model_dir, output, **settings):
    """Writes the encoder of a trained model as ONNX, or its codes as npz.

    Example: rtc export-encoder --model_dir=output/rtcvae -o encoder.onnx
    """
    from rtc_plugin import export_encoder as export_lib

    print(export_lib.export(model_dir, output, **settings))
