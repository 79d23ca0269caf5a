# SPDX-License-Identifier: Apache-2.0
import gin
import numpy as np
import pytest
import tiny_vae
from disentanglement_lib.methods.unsupervised import train
from matplotlib import image as matplotlib_image

from rtc_plugin.errors import UserError
from rtc_plugin.visualize import estimators, images, latents, run


@pytest.fixture
def codes():
    random = np.random.default_rng(0)
    z = random.standard_normal((200, 3))
    z[:, 2] = -z[:, 0]
    return z


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_pair_plot_shows_points_below_and_numbers_above(codes):
    fig = latents.pair_plot(
        codes, np.full((3, 3), 0.25), ["active", "mixed", "passive"]
    )
    grid = np.array(fig.axes).reshape(3, 3)
    points = grid[2, 0].collections[0].get_offsets()
    np.testing.assert_array_equal(points, codes[:, [0, 2]])
    assert texts(grid[0, 2]) == ["-1.00\n0.25"]
    colours = [grid[k, k].patches[0].get_facecolor() for k in range(3)]
    assert len(set(colours)) == 3


def test_pair_plot_of_constant_latents():
    # The mean of many 0.3 is not 0.3.
    fig = latents.pair_plot(np.full((240, 2), 0.3), np.zeros((2, 2)))
    assert texts(fig.axes[1]) == ["0.00\n0.00"]


def test_scatter_of_the_top_two(codes):
    factors = np.random.default_rng(1).integers(4, size=(200, 2))
    fig = latents.top_two_scatter(
        codes,
        factors,
        ["hue", "shape"],
        [[2, 1], [0, 2]],
        [[0.5, 0.25], [0.125, 0.0]],
        "R2",
        ["shape"],
    )
    hue, shape = (a for a in fig.axes if a.get_xlabel())
    np.testing.assert_array_equal(hue.collections[0].get_offsets(), codes[:, [2, 1]])
    np.testing.assert_array_equal(hue.collections[0].get_array(), factors[:, 0])
    assert shape.get_title().startswith("shape: 0.12, 0.00, ")
    assert hue.collections[0].get_cmap().name == "viridis"
    assert shape.collections[0].get_cmap().N == 4


def test_heat_maps_write_the_two_largest_scores():
    r2 = np.array([[0.9, 0.1], [0.2, 0.0], [0.0, 0.8]])
    fig = latents.score_heat_maps(r2, r2 / 2, ["hue", "size"])
    assert texts(fig.axes[0]) == ["0.90", "0.20", "0.80", "0.10"]
    np.testing.assert_array_equal(fig.axes[1].images[0].get_array(), r2 / 2)
    labels = [label.get_text() for label in fig.axes[0].get_xticklabels()]
    assert labels == ["hue", "size"]


def test_latent_bars_have_a_bar_per_latent_and_an_entry_per_class():
    fig = latents.latent_bars([0.9, 0.1], [2.0, 0.5], ["active", "passive"])
    heights = sorted(bar.get_height() for bar in fig.axes[1].patches)
    assert heights == [0.5, 2.0]
    legend = [text.get_text() for text in fig.legends[0].get_texts()]
    assert legend == ["active", "mixed", "passive"]


def test_walks_go_in_units_of_each_latents_spread():
    def decode(z):
        return z[:, :, None, None]

    images_ = images.walk(decode, [1.0, 10.0], [0.5, 3.0], num_steps=3, reach=2.0)
    np.testing.assert_allclose(images_[0, :, 0, 0, 0], [0.0, 1.0, 2.0])
    np.testing.assert_allclose(images_[0, :, 1, 0, 0], 10.0)
    np.testing.assert_allclose(images_[1, :, 1, 0, 0], [4.0, 10.0, 16.0])
    walks = np.zeros((2, 3, 4, 4, 1))
    walks[1] = 0.5
    fig = images.latent_walks(walks, [0.5, 3.0], order=[1, 0])
    shown = fig.axes[0].images[0].get_array()
    assert shown.shape == (12, 18, 3)
    assert shown[3, 3, 0] == 0.5 and shown[9, 3, 0] == 0.0
    labels = [label.get_text() for label in fig.axes[0].get_yticklabels()]
    assert labels == ["$z_{1}$  3.00", "$z_{0}$  0.50"]


def test_reconstructions_stand_right_of_their_originals():
    originals = np.zeros((4, 2, 2, 3)) + np.arange(4).reshape(-1, 1, 1, 1) / 10
    fig = images.reconstructions(originals, originals + 0.5, columns=2)
    shown = fig.axes[0].images[0].get_array()[..., 0]
    np.testing.assert_allclose(shown[1, 1::4], [0.0, 0.5, 0.1, 0.6])
    np.testing.assert_allclose(shown[5, 1::4], [0.2, 0.7, 0.3, 0.8])


def test_samples_of_two_laws_side_by_side():
    fig = images.samples(np.zeros((4, 2, 2, 1)), np.ones((4, 2, 2, 1)), columns=2)
    left, right = (axes.images[0].get_array() for axes in fig.axes)
    assert left[1, 1, 0] == 0 and right[1, 1, 0] == 1


def test_a_figure_is_saved_as_png_and_svg(tmp_path):
    estimators.save(latents.latent_bars([0.9], [2.0], ["active"]), str(tmp_path / "f"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.png", "f.svg"]
    assert matplotlib_image.imread(tmp_path / "f.png").shape[2] == 4


def test_all_figures_of_a_run(tmp_path):
    gin.clear_config()
    train.train_with_gin(
        str(tmp_path / "model"),
        gin_bindings=tiny_vae.BINDINGS,
    )
    gin.clear_config()
    output_dir = tmp_path / "figures"
    names = run.visualize(str(tmp_path / "model"), str(output_dir), num_points=50)
    written = {path.name for path in output_dir.iterdir()}
    assert written == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    assert {"pairs", "scores", "walks", "samples", "reconstructions"} < set(names)
    with pytest.raises(UserError, match="--output_dir=.*--overwrite"):
        run.visualize(str(tmp_path / "model"), str(output_dir))


def test_a_folder_that_is_no_model_is_named(tmp_path):
    with pytest.raises(UserError, match="--model_dir=.*dlib_train"):
        run.visualize(str(tmp_path), str(tmp_path / "figures"))
    assert not (tmp_path / "figures").exists()
