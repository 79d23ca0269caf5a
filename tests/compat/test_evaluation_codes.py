# SPDX-License-Identifier: Apache-2.0
"""The library's evaluation on a table of codes gives what it gives on images."""

import errno
import json
import os
import re
import shutil
import types

import gin
import home_ground
import numpy as np
import pytest
import small_grid
from disentanglement_lib.evaluation import evaluate

from rtc_plugin.compat import evaluation_codes
from rtc_plugin.data.ground_truth import named_data
from rtc_plugin.evaluation import network as network_lib
from rtc_plugin.evaluation import table as table_lib

NO_TABLE = "evaluation_codes.table = False"
MIG = home_ground.SCORES["mig"][1]
NUM_IMAGES = int(np.prod(small_grid.SmallGrid.factor_sizes))
# Fewer points where a metric takes seconds; single images where batches don't divide.
SMALLER = [
    "beta_vae_sklearn.num_train = 200",
    "beta_vae_sklearn.num_eval = 100",
    "dci.num_train = 101",
    "dci.num_test = 50",
    "downstream_task.num_train = [17]",
    "downstream_task.num_test = 50",
    "fairness.num_train = 50",
    "fairness.num_test_points_per_class = 20",
    "mig.num_train = 1001",
    "reduced_downstream_task.num_train = [40]",
    "reduced_downstream_task.num_test = 40",
    "strong_downstream_task.num_train = [50]",
    "strong_downstream_task.num_test = 50",
    "strong_downstream_task.n_experiment = 1",
    "unified_scores.num_train = 50",
    "unified_scores.num_test = 50",
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("representations")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            named_data.GROUND_TRUTH_DATA, small_grid.NAME, small_grid.SmallGrid
        )
        model = small_grid.make_model(root / "model")
        for name in ("mean", "sampled", "mean_and_logvar"):
            small_grid.represent(model, root / name, name)
    return root


def forget():
    """Goes back to what a process starts with."""
    evaluation_codes._kept.clear()
    evaluation_codes._encoders.clear()


@pytest.fixture(autouse=True)
def data_and_no_tables(monkeypatch):
    monkeypatch.setitem(
        named_data.GROUND_TRUTH_DATA, small_grid.NAME, small_grid.SmallGrid
    )
    forget()
    yield
    forget()
    gin.clear_config()


@pytest.fixture
def folder(folders, tmp_path):
    """A representation without a table, to be changed at will."""
    for name in ("mean", "sampled"):
        shutil.copytree(
            folders / name,
            tmp_path / name,
            ignore=shutil.ignore_patterns(table_lib.TABLE, table_lib.NOTE),
        )
    return tmp_path / "mean"


def score(folder, output, bindings, function=None, metric="@mig"):
    gin.clear_config()
    small_grid.SmallGrid.num_encoded = 0
    lines = ["evaluation.random_seed = 3", "dataset.name = 'auto'", *bindings]
    if function is None:
        lines += [f"evaluation.evaluation_fn = {metric}"]
    gin.parse_config(lines)
    kwargs = {} if function is None else {"evaluation_fn": function}
    evaluate.evaluate(str(folder), str(output), **kwargs)
    path = output / "results" / "json" / "evaluation_results.json"
    scores = json.loads(path.read_text())
    del scores["elapsed_time"], scores["uuid"]
    return scores


def metric_of(name):
    path, bindings = home_ground.SCORES[name]
    module, function = path.split(".")
    return getattr(getattr(evaluate, module), function), [*bindings, *SMALLER]


# What the slow ones draw from `sampled` is drawn as mig draws.
ON_SAMPLED = ["beta_vae_sklearn", "dci", "factor_vae_score", "irs", "mig", "sap_score"]


@pytest.mark.parametrize(
    ("name", "representation"),
    [(name, "mean") for name in sorted(home_ground.SCORES)]
    + [(name, "sampled") for name in ON_SAMPLED],
)
def test_scores_are_the_stock_paths_to_the_last_digit(
    folders, tmp_path, name, representation
):
    function, bindings = metric_of(name)
    folder = folders / representation
    stock = score(folder, tmp_path / "stock", [*bindings, NO_TABLE], function)
    drawn = small_grid.SmallGrid.num_encoded
    assert score(folder, tmp_path / "table", bindings, function) == stock
    if name != "strong_downstream_task":
        assert small_grid.SmallGrid.num_encoded < max(drawn, NUM_IMAGES + 200)


@pytest.mark.parametrize("name", ["mig_variants", "tc_disparity", "infomec"])
def test_our_metrics_look_up_too(folders, tmp_path, name):
    def run(output, *more):
        return score(folder, tmp_path / output, bindings + [*more], metric=f"@{name}")

    folder = folders / "mean_and_logvar"
    bindings = [f"{name}.num_train = 300"]
    if name == "tc_disparity":
        bindings += ["tc_disparity.num_draws = 2", "tc_disparity.num_bootstrap = 2"]
    stock = run("stock", NO_TABLE)
    assert run("table") == stock
    run("again")
    assert small_grid.SmallGrid.num_encoded < 200  # Probes of the data set alone.


def test_image_numbers_are_drawn_from_the_same_stream():
    data, streams = small_grid.SmallGrid(), [np.random.RandomState(1) for _ in "ab"]
    numbers = table_lib.ImageNumbers(data)
    for num in (1, 7, 16):
        factors, images = data.sample(num, streams[0])
        same_factors, indices = numbers.sample(num, streams[1])
        np.testing.assert_array_equal(factors, same_factors)
        np.testing.assert_array_equal(
            images, data.to_observations(data.images_at(indices))
        )
    assert streams[0].random_sample() == streams[1].random_sample()
    assert numbers.factors_num_values == data.factors_num_values
    assert numbers.num_factors == data.num_factors


def test_a_table_serves_the_next_evaluation_and_the_next_process(folder, tmp_path):
    first = score(folder, tmp_path / "1", MIG)
    assert small_grid.SmallGrid.num_encoded >= NUM_IMAGES
    assert (folder / table_lib.TABLE).stat().st_size < NUM_IMAGES * 5 * 4 + 200
    assert score(folder, tmp_path / "2", MIG) == first
    assert small_grid.SmallGrid.num_encoded < 200
    forget()
    assert score(folder, tmp_path / "3", MIG) == first
    assert small_grid.SmallGrid.num_encoded < 200


@pytest.mark.parametrize("names", [("mean", "sampled"), ("sampled", "mean")])
def test_representations_of_one_model_share_the_encoding(folder, tmp_path, names):
    first, second = (folder.parent / name for name in names)
    score(first, tmp_path / "first", MIG)
    assert small_grid.SmallGrid.num_encoded >= NUM_IMAGES
    shared = score(second, tmp_path / "second", MIG)
    assert small_grid.SmallGrid.num_encoded < 200
    assert shared == score(second, tmp_path / "stock", [*MIG, NO_TABLE])
    forget()
    assert shared == score(second, tmp_path / "third", MIG)
    assert small_grid.SmallGrid.num_encoded < 200


def test_another_model_shares_nothing(folder, tmp_path):
    other = small_grid.make_model(tmp_path / "model", seed=1)
    other = small_grid.represent(other, tmp_path / "other", "sampled")
    score(folder, tmp_path / "first", MIG)
    table = score(other, tmp_path / "table", MIG)
    assert table == score(other, tmp_path / "stock", [*MIG, NO_TABLE])


def test_few_images_are_encoded_on_demand_and_the_data_set_at_a_quarter(folder):
    rows = []
    data = small_grid.SmallGrid()

    class Encoder:
        def encode(self, images):
            rows.append(len(images))
            return np.zeros((len(images), 5), np.float32)

    table = table_lib.Encodings(NUM_IMAGES, 5)
    table.encode(np.arange(100), data, Encoder())
    table.encode(np.arange(50, 110), data, Encoder())
    assert sum(rows) == 110 and not table.is_whole
    rows.clear()
    table.encode(np.arange(NUM_IMAGES // 4 + 1), data, Encoder())
    assert sum(rows) == NUM_IMAGES - 110 and table.is_whole
    assert max(rows) == table_lib.BATCH_SIZE


def test_the_saved_config_says_nothing_of_the_table_unless_it_is_bound(folder):
    def config(output, bindings):
        score(folder, folder.parent / output, [*MIG, *bindings])
        path = folder.parent / output / "results" / "gin" / "evaluation.gin"
        return path.read_text()

    assert "evaluation_codes" not in config("a", [])
    assert NO_TABLE in config("b", [NO_TABLE])


def damage(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:1000])


def forge(path):
    np.save(path, np.zeros((NUM_IMAGES, 5), np.float32))


def spoil_note(path):
    path.with_suffix(".json").write_text("[[[[")


def other_module(path):
    note = json.loads(path.with_suffix(".json").read_text())
    note["made_from"]["module"] = "0" * 64
    path.with_suffix(".json").write_text(json.dumps(note))


def lose_note(path):
    path.with_suffix(".json").unlink()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (damage, "is damaged; it is made again"),
        (truncate, "is damaged; it is made again"),
        (forge, "is damaged; it is made again"),
        (spoil_note, "is damaged; it is made again"),
        (lose_note, "is damaged; it is made again"),
        (other_module, "was made from another module, data set or version; it is made"),
    ],
)
def test_a_useless_table_is_named_in_one_line_and_made_again(
    folder, tmp_path, change, says, caplog
):
    stock = score(folder, tmp_path / "stock", MIG)
    path = folder / table_lib.TABLE
    good = path.read_bytes()
    forget()
    change(path)
    assert score(folder, tmp_path / "again", MIG) == stock
    (line,) = [r.getMessage() for r in caplog.records if "codes.npy" in r.getMessage()]
    assert says in line and "\n" not in line
    assert path.read_bytes() == good
    forget()
    score(folder, tmp_path / "third", MIG)
    assert small_grid.SmallGrid.num_encoded < 200


def test_another_module_in_the_same_folder_is_noticed(folder, tmp_path, caplog):
    score(folder, tmp_path / "first", MIG)
    shutil.rmtree(folder)
    model = small_grid.make_model(tmp_path / "model", seed=1)
    small_grid.represent(model, folder, "mean")
    stock = score(folder, tmp_path / "stock", [*MIG, NO_TABLE])
    assert score(folder, tmp_path / "table", MIG) == stock


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("full", [table_lib.TABLE, table_lib.NOTE])
def test_a_full_disk_leaves_no_half_table(
    folder, tmp_path, monkeypatch, caplog, full, code
):
    def run_out(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    stock = score(folder, tmp_path / "stock", [*MIG, NO_TABLE])
    before = sorted(os.listdir(folder))
    if full == table_lib.TABLE:
        monkeypatch.setattr(table_lib.np, "save", run_out)
    else:
        only_here = types.SimpleNamespace(dump=run_out)
        monkeypatch.setattr(table_lib, "json", only_here)
    assert score(folder, tmp_path / "table", MIG) == stock
    assert sorted(os.listdir(folder)) == before
    (line,) = [r.getMessage() for r in caplog.records if "codes.npy" in r.getMessage()]
    assert os.strerror(code) in line and "\n" not in line
    # It is kept in this process all the same.
    assert score(folder, tmp_path / "again", MIG) == stock
    assert small_grid.SmallGrid.num_encoded < 200


def test_save_false_writes_nothing(folder, tmp_path):
    score(folder, tmp_path / "table", [*MIG, "evaluation_codes.save = False"])
    assert not {table_lib.TABLE, table_lib.NOTE} & set(os.listdir(folder))


def test_a_module_that_looks_at_the_batch_keeps_the_old_way(tmp_path, caplog):
    model = small_grid.make_model(tmp_path / "model", normalise=True)
    folder = small_grid.represent(model, tmp_path / "mean", "mean")
    stock = score(folder, tmp_path / "stock", [*MIG, NO_TABLE])
    assert score(folder, tmp_path / "table", MIG) == stock
    assert re.search("encodes an image by its batch; no table", caplog.text)
    assert not (folder / table_lib.TABLE).exists()


def test_a_metric_that_is_not_known_gets_images(folder, tmp_path):
    def look(data, representation_function, random_state, artifact_dir=None):
        return {"shape": list(data.sample_observations(2, random_state).shape)}

    assert score(folder, tmp_path / "images", [], look)["shape"] == [2, 5, 6, 1]
    look.looks_at_codes_only = True
    assert score(folder, tmp_path / "numbers", [], look)["shape"] == [2]


@pytest.mark.parametrize("metric", ["elbo_decomposition", "rtc_metrics"])
def test_reconstructions_need_images(metric):
    gin.clear_config()
    gin.parse_config([f"evaluation.evaluation_fn = @{metric}"])
    function = evaluation_codes._metric(gin.REQUIRED)
    assert evaluation_codes._looks_at_codes_only(function)
    gin.parse_config(["elbo_decomposition.model_dir = 'model'"])
    assert not evaluation_codes._looks_at_codes_only(function)


def test_random_observations_keep_the_old_way():
    class Noisy(small_grid.SmallGrid):
        def sample_observations_from_factors(self, factors, random_state):
            images = super().sample_observations_from_factors(factors, random_state)
            return images + random_state.random_sample(images.shape)

    assert table_lib.has_numbered_images(small_grid.SmallGrid())
    assert not table_lib.has_numbered_images(Noisy())


def test_the_digest_of_a_module_sees_each_file(folder):
    before = network_lib.module_digest(folder / "tfhub")
    assert network_lib.module_digest(folder / "tfhub") == before
    damage(next((folder / "tfhub" / "variables").glob("*data*")))
    assert network_lib.module_digest(folder / "tfhub") != before


def test_the_metrics_that_draw_most_have_everything_encoded_at_once(folder, tmp_path):
    function, bindings = metric_of("beta_vae_sklearn")
    score(folder, tmp_path / "beta", bindings, function)
    # Announced by its size: nothing is encoded on demand and then once more.
    probes = table_lib._NUM_PROBES + 8
    assert small_grid.SmallGrid.num_encoded == NUM_IMAGES + probes
