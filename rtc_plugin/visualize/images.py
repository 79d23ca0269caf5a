# SPDX-License-Identifier: Apache-2.0
"""Figures of images: reconstructions, latent walks and samples.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739 (figures 5, 12, 13)
"""

import numpy as np
from matplotlib import figure

_INCH = 0.62  # Side of an image.


def walk(decode, center, spread, num_steps=9, reach=2.0):
    """Decodes a walk along each latent.

    The walk goes from -reach to +reach in units of the latent's own spread around one
    code. Under a variance penalty the spread of a dead latent is far below 1, and a
    walk from -2 to 2 would leave what the decoder has ever seen.

    Args:
        decode: Function from [n, num_latent] codes to [n, height, width, channels]
            images in [0, 1].
        center: [num_latent] the code to start from.
        spread: [num_latent] standard deviations of the aggregated posterior.
        num_steps: Images per latent.
        reach: Ends of the walk, in spreads.

    Returns:
        [num_latent, num_steps, height, width, channels] images.
    """
    num_latent = len(center)
    steps = np.linspace(-reach, reach, num_steps)
    z = np.tile(np.asarray(center, dtype=np.float64), (num_latent, num_steps, 1))
    for k in range(num_latent):
        z[k, :, k] += steps * spread[k]
    images = decode(z.reshape(-1, num_latent))
    return images.reshape(num_latent, num_steps, *images.shape[1:])


def latent_walks(images, spread, reach=2.0, order=None):
    """Draws walks along latents, a row each (figures 5 and 12 of [1]).

    Args:
        images: [num_latent, num_steps, height, width, channels], see `walk`.
        spread: [num_latent] the unit of each walk.
        reach: Ends of the walks, in spreads.
        order: Numbers of the latents from top to bottom, the most alive first say.

    Returns:
        Figure.
    """
    order = range(len(images)) if order is None else order
    labels = [f"$z_{{{k}}}$  {spread[k]:.2f}" for k in order]
    fig, axes = _grid_figure([images[k] for k in order], labels)
    axes.set_title(
        f"from $-${reach:g} to {reach:g} times the spread beside each latent",
        fontsize=8,
    )
    return fig


def reconstructions(originals, reconstructed, columns=8):
    """Draws originals and, right of each, their reconstructions ([1], 12 and 13).

    Args:
        originals: [n, height, width, channels] in [0, 1].
        reconstructed: The same shape.
        columns: Pairs per row.

    Returns:
        Figure.
    """
    pairs = np.stack([originals, reconstructed], axis=1)
    rows = [
        pairs[i : i + columns].reshape(-1, *originals.shape[1:])
        for i in range(0, len(pairs), columns)
        if len(pairs[i : i + columns]) == columns
    ]
    fig, axes = _grid_figure(rows, [""] * len(rows))
    axes.set_title("each pair: image, reconstruction", fontsize=8)
    return fig


def samples(from_aggregate, from_prior, columns=8):
    """Draws samples of the fitted aggregated posterior next to those of N(0, I).

    Figure 13c of [1]. Under a variance penalty the aggregated posterior is narrower
    than N(0, I), so that samples of the latter look broken though the model is not.

    Args:
        from_aggregate: [n, height, width, channels] in [0, 1].
        from_prior: The same shape.
        columns: Images per row.

    Returns:
        Figure.
    """
    fig = None
    for i, (images, title) in enumerate(
        (
            (from_aggregate, "z from a normal law fitted to q(z)"),
            (from_prior, "z from N(0, I)"),
        )
    ):
        rows = [images[i : i + columns] for i in range(0, len(images), columns)]
        rows = [row for row in rows if len(row) == columns]
        if fig is None:
            size = (2 * columns * _INCH + 0.4, len(rows) * _INCH + 0.6)
            fig = figure.Figure(figsize=size, layout="constrained")
            panels = fig.subplots(1, 2)
        _show_grid(panels[i], rows)
        panels[i].set_title(title, fontsize=9)
    return fig


def _grid_figure(rows, labels):
    num_rows, columns = len(rows), len(rows[0])
    fig = figure.Figure(
        figsize=(columns * _INCH + 0.9, num_rows * _INCH + 0.4), layout="constrained"
    )
    axes = fig.subplots()
    _show_grid(axes, rows)
    height = rows[0].shape[1] + 2
    axes.set_yticks([height * (i + 0.5) for i in range(num_rows)], labels, fontsize=8)
    return fig, axes


def _show_grid(axes, rows):
    """Shows rows of images as one, two white pixels apart."""
    framed = [
        np.pad(row, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=1.0)
        for row in rows
    ]
    image = np.concatenate([np.concatenate(row, axis=1) for row in framed], axis=0)
    image = np.clip(image, 0.0, 1.0)
    if image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    axes.imshow(image, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
