# SPDX-License-Identifier: Apache-2.0
"""What is measured twice: once on the library's home ground, once on this stack.

The home ground is what disentanglement_lib 1.5 was written for: Python 3.7, TensorFlow
1.15.5, scikit-learn 0.21. `scripts/maintenance/record_home_ground.py` runs this file
there and writes the answers to `tests/data/home_ground_*`; the tests run it here and
compare. So it keeps to what both Pythons understand.
"""

import contextlib
import hashlib
import importlib
import json
import os
import zlib
from unittest import mock

import disentanglement_lib  # noqa: F401, first: wakes the hook, if there is one
import gin
import numpy as np
import tensorflow.compat.v1 as tf
import tensorflow_hub as hub
from disentanglement_lib.data.ground_truth import ground_truth_data
from disentanglement_lib.evaluation import evaluate
from disentanglement_lib.methods.unsupervised import gaussian_encoder_model, vae
from disentanglement_lib.methods.unsupervised import train as library_train
from disentanglement_lib.postprocessing import postprocess

# --- Scores ---------------------------------------------------------------------------


class FourFactors(ground_truth_data.GroundTruthData):
    """A data set whose observations are its four factors of variation."""

    factors_num_values = (3, 4, 5, 6)
    num_factors = 4
    factor_names = ("a", "b", "c", "d")
    observation_shape = (4,)

    def sample_factors(self, num, random_state):
        """Returns an integer array of shape (num, 4), every factor uniform."""
        columns = [random_state.randint(n, size=num) for n in self.factors_num_values]
        return np.stack(columns, axis=1)

    def sample_observations_from_factors(self, factors, random_state):
        """Returns the factors themselves."""
        return factors


def code_table():
    """Returns the code of each of the 360 factor combinations, shape (360, 6).

    Latents 0 and 1 follow one factor each (1 bends), 2 and 3 mix two factors, 4 follows
    one faintly and 5 is noise. Values lie on a grid of 2^-10, so that rounding in the
    last bit, which may differ between versions of NumPy, can't reach a score.
    """
    sizes = FourFactors.factors_num_values
    a, b, c, d = (
        (2 * grid + 1.0) / n - 1.0 for grid, n in zip(np.indices(sizes), sizes)
    )
    clean = np.stack([a, b**3, c - d, c * d + b, 0.2 * d, 0.0 * a], axis=-1)
    noise = np.random.RandomState(0).uniform(-1.0, 1.0, size=clean.shape)
    codes = clean + noise * np.array([0.2, 0.2, 0.3, 0.3, 0.2, 1.0])
    return (np.round(codes * 1024) / 1024).reshape(-1, clean.shape[-1])


_CODES = code_table()


def representation(observations):
    """Returns the codes of observations, float64 of shape (num, 6)."""
    index = np.ravel_multi_index(
        np.transpose(observations), FourFactors.factors_num_values
    )
    return _CODES[index]


def codes_digest():
    """Returns the SHA-256 of the table of codes: the same bits on every machine."""
    return hashlib.sha256(_CODES.astype("<f8").tobytes()).hexdigest()


_BINS = [
    "discretizer.discretizer_fn = @histogram_discretizer",
    "discretizer.num_bins = 20",
]
_LOGISTIC = ["predictor.predictor_fn = @logistic_regression_cv"]
_BOOSTED_TREES = ["predictor.predictor_fn = @gradient_boosting_classifier"]

# Name -> (module and function below evaluation.metrics, gin bindings).
SCORES = {
    "beta_vae_sklearn": (
        "beta_vae.compute_beta_vae_sklearn",
        [
            "beta_vae_sklearn.batch_size = 16",
            "beta_vae_sklearn.num_train = 1000",
            "beta_vae_sklearn.num_eval = 1000",
        ],
    ),
    "dci": ("dci.compute_dci", ["dci.num_train = 500", "dci.num_test = 500"]),
    "downstream_task_logistic_regression": (
        "downstream_task.compute_downstream_task",
        [
            "downstream_task.num_train = [10, 100]",
            "downstream_task.num_test = 500",
        ]
        + _LOGISTIC,
    ),
    "downstream_task_boosted_trees": (
        "downstream_task.compute_downstream_task",
        ["downstream_task.num_train = [10, 100, 500]", "downstream_task.num_test = 500"]
        + _BOOSTED_TREES,
    ),
    "factor_vae_score": (
        "factor_vae.compute_factor_vae",
        [
            "factor_vae_score.num_variance_estimate = 1000",
            "factor_vae_score.num_train = 500",
            "factor_vae_score.num_eval = 500",
            "factor_vae_score.batch_size = 16",
            "prune_dims.threshold = 0.05",
        ],
    ),
    "fairness": (
        "fairness.compute_fairness",
        ["fairness.num_train = 100", "fairness.num_test_points_per_class = 100"]
        + _BOOSTED_TREES,
    ),
    "irs": ("irs.compute_irs", ["irs.num_train = 1000", "irs.batch_size = 16"] + _BINS),
    "mig": ("mig.compute_mig", ["mig.num_train = 1000"] + _BINS),
    "modularity_explicitness": (
        "modularity_explicitness.compute_modularity_explicitness",
        [
            "modularity_explicitness.num_train = 1000",
            "modularity_explicitness.num_test = 500",
        ]
        + _BINS,
    ),
    "reduced_downstream_task": (
        "reduced_downstream_task.compute_reduced_downstream_task",
        [
            "reduced_downstream_task.num_factors_to_remove = 1",
            "reduced_downstream_task.num_train = [50]",
            "reduced_downstream_task.num_test = 500",
            "reduced_representation.correlation_measure = @factorwise_dci",
        ]
        + _BOOSTED_TREES,
    ),
    "sap_score": (
        "sap_score.compute_sap",
        [
            "sap_score.num_train = 1000",
            "sap_score.num_test = 500",
            "sap_score.continuous_factors = False",
        ],
    ),
    "sap_score_continuous": (
        "sap_score.compute_sap",
        [
            "sap_score.num_train = 1000",
            "sap_score.num_test = 500",
            "sap_score.continuous_factors = True",
        ],
    ),
    "strong_downstream_task": (
        "strong_downstream_task.compute_strong_downstream_task",
        [
            "strong_downstream_task.num_train = [100]",
            "strong_downstream_task.num_test = 500",
            "strong_downstream_task.n_experiment = 2",
        ]
        + _BOOSTED_TREES,
    ),
    "unified_scores": (
        "unified_scores.compute_unified_scores",
        [
            "unified_scores.num_train = 500",
            "unified_scores.num_test = 500",
            "unified_scores.matrix_fns = [@importance_gbt_matrix,"
            " @mutual_information_matrix, @accuracy_svm_matrix]",
        ]
        + _BINS,
    ),
    "unsupervised_metrics": (
        "unsupervised_metrics.unsupervised_metrics",
        ["unsupervised_metrics.num_train = 1000"] + _BINS,
    ),
}


def score(name, global_seed, bindings=()):
    """Computes one of `SCORES`.

    Args:
      name: Key of `SCORES`.
      global_seed: Seed of NumPy's global random state, which scikit-learn's estimators
        draw from where the library hands them no random state. The metric's own
        random_state is always `RandomState(0)`.
      bindings: Further gin bindings.

    Returns:
      Dictionary of the metric's scores, as Python floats.
    """
    path, own_bindings = SCORES[name]
    module, function = path.split(".")
    metric = importlib.import_module("disentanglement_lib.evaluation.metrics." + module)
    gin.clear_config()
    gin.parse_config_files_and_bindings([], own_bindings + list(bindings))
    np.random.seed(global_seed)  # noqa: NPY002, scikit-learn draws from it
    try:
        scores = getattr(metric, function)(
            FourFactors(), representation, random_state=np.random.RandomState(0)
        )
    finally:
        gin.clear_config()
    return {key: float(value) for key, value in scores.items()}


# --- Training -------------------------------------------------------------------------

# On dummy_data: images of uniform noise, so all there is to learn is their mean of 1/2.
_TRAINING = [
    "dataset.name = 'dummy_data'",
    "model.random_seed = 0",
    "model.batch_size = 16",
    "model.training_steps = 200",
    "model.eval_steps = 5",
    "encoder.num_latent = 10",
    "encoder.encoder_fn = @conv_encoder",
    "decoder.decoder_fn = @deconv_decoder",
    "vae_optimizer.optimizer_fn = @AdamOptimizer",
    "reconstruction_loss.loss_fn = @bernoulli_loss",
]

# Name -> gin bindings of a training run.
MODELS = {
    "vae": _TRAINING
    + ["model.model = @vae()", "vae.beta = 4.", "AdamOptimizer.learning_rate = 1e-3"],
    "factor_vae": _TRAINING
    + [
        "model.model = @factor_vae()",
        "factor_vae.gamma = 10.",
        "discriminator.discriminator_fn = @fc_discriminator",
        "discriminator_optimizer.optimizer_fn = @AdamOptimizer",
        "AdamOptimizer.learning_rate = 1e-4",
    ],
}


def train(bindings, model_dir):
    """Trains a model by the library's own function, from known weights and noise.

    An operation that is given no seed takes one from its place in the graph, and every
    version of TensorFlow builds its layers from other operations. So the same
    `model.random_seed` gives other numbers on another version, except for the data,
    which come from NumPy. What can be the same is made so: initial weights come from
    NumPy, and the noise of the latents and the shuffling of FactorVAE have seeds of
    their own.

    Args:
      bindings: One of `MODELS`.
      model_dir: Folder for the library's output.

    Returns:
      List of floats, the loss at every update.
    """
    # What was configured before would be saved as this run's.
    gin.clear_config()
    losses = []
    stock_spec = vae.contrib_tpu.TPUEstimatorSpec

    def spec(training_hooks=(), **kwargs):
        ours = [_InitialWeights(), _Losses(kwargs["loss"], losses)]
        return stock_spec(training_hooks=list(training_hooks) + ours, **kwargs)

    with mock.patch.object(vae.contrib_tpu, "TPUEstimatorSpec", spec), seeded_noise():
        library_train.train_with_gin(model_dir, False, [], bindings)
    return losses


@contextlib.contextmanager
def seeded_noise():
    """Gives the random operations of the library's models seeds of their own."""

    def sample(self, z_mean, z_logvar):
        noise = tf.random_normal(tf.shape(z_mean), 0, 1, seed=1)
        return tf.add(z_mean, tf.exp(z_logvar / 2) * noise)

    def shuffle(z):
        columns = tf.unstack(z, axis=1)
        shuffled = [tf.random_shuffle(c, seed=1 + i) for i, c in enumerate(columns)]
        return tf.stack(shuffled, axis=1)

    model = gaussian_encoder_model.GaussianEncoderModel
    with mock.patch.object(model, "sample_from_latent_distribution", sample):
        with mock.patch.object(vae, "shuffle_codes", shuffle):
            yield


class _InitialWeights(tf.train.SessionRunHook):
    """Sets kernels to normal numbers of variance 2 / fan-in and biases to 0."""

    def begin(self):
        self._assignments = []
        for variable in tf.trainable_variables():
            shape = variable.shape.as_list()
            random_state = np.random.RandomState(zlib.crc32(variable.op.name.encode()))
            scale = np.sqrt(2.0 / np.prod(shape[:-1])) if len(shape) > 1 else 0.0
            value = tf.placeholder(tf.float32, shape)
            weights = scale * random_state.normal(size=shape)
            self._assignments.append((tf.assign(variable, value), value, weights))

    def after_create_session(self, session, coord):
        for assignment, value, weights in self._assignments:
            session.run(assignment, {value: weights})


class _Losses(tf.train.SessionRunHook):
    """Appends the loss at every update to a list."""

    def __init__(self, loss, losses):
        self._loss = loss
        self._losses = losses

    def before_run(self, run_context):
        return tf.train.SessionRunArgs(self._loss)

    def after_run(self, run_context, run_values):
        self._losses.append(float(run_values.results))


# --- The whole pipeline ---------------------------------------------------------------


@gin.configurable("tiny_encoder", module="home_ground")
def tiny_encoder(input_tensor, num_latent, is_training=True):
    """Encoder of about 700 weights: a module of it is small enough to be test data."""
    hidden = tf.layers.conv2d(input_tensor, 4, 8, 8, activation=tf.nn.relu, name="e1")
    flat = tf.layers.flatten(hidden)
    means = tf.layers.dense(flat, num_latent, name="means")
    return means, tf.layers.dense(flat, num_latent, name="log_var")


@gin.configurable("tiny_decoder", module="home_ground")
def tiny_decoder(latent_tensor, output_shape, is_training=True):
    """Decoder of about 1000 weights."""
    hidden = tf.layers.dense(latent_tensor, 256, activation=tf.nn.relu, name="d1")
    hidden = tf.reshape(hidden, [-1, 8, 8, 4])
    output = tf.layers.conv2d_transpose(hidden, output_shape[2], 8, 8, name="d2")
    return tf.reshape(output, [-1] + output_shape)


TINY_MODEL = MODELS["vae"] + [
    "encoder.encoder_fn = @tiny_encoder",
    "decoder.decoder_fn = @tiny_decoder",
    "encoder.num_latent = 3",
    "model.training_steps = 50",
]
_MEAN_REPRESENTATION = [
    "dataset.name = 'dummy_data'",
    "postprocess.postprocess_fn = @mean_representation",
    "postprocess.random_seed = 0",
]
_EVALUATION = [
    "dataset.name = 'auto'",
    "evaluation.evaluation_fn = @mig",
    "evaluation.random_seed = 0",
    "mig.num_train = 100",
] + _BINS


def run_pipeline(root):
    """Trains the tiny model, takes the mean representation and evaluates it.

    Args:
      root: Folder for the library's output, in `model`, `mean` and `mig`.

    Returns:
      Dictionary, the aggregated results of all three steps that the library saves.
    """
    model_dir, mean_dir, mig_dir = (
        os.path.join(root, step) for step in ("model", "mean", "mig")
    )
    train(TINY_MODEL, model_dir)
    postprocess.postprocess_with_gin(
        model_dir, mean_dir, False, [], list(_MEAN_REPRESENTATION)
    )
    evaluate.evaluate_with_gin(mean_dir, mig_dir, False, [], list(_EVALUATION))
    with open(os.path.join(mig_dir, "results", "aggregate", "evaluation.json")) as file:
        return json.load(file)


def module_inputs():
    """Returns images of shape (4, 64, 64, 1) and latents of shape (4, 3), float32."""
    random_state = np.random.RandomState(1)
    images = random_state.randint(256, size=(4, 64, 64, 1)) / 255.0
    latents = random_state.randint(-512, 512, size=(4, 3)) / 256.0
    return images.astype(np.float32), latents.astype(np.float32)


def run_module(module_dir):
    """Evaluates the three signatures of a module that `run_pipeline` has exported.

    Its graph holds the seed of the noise, so that the first reconstruction in a session
    can be compared as well. Of images every fourth row and column is returned.

    Args:
      module_dir: Folder of the TFHub module.

    Returns:
      Dictionary of arrays: 'mean' and 'logvar' of shape (4, 3), 'reconstructions' and
      'decoder' of shape (4, 16, 16).
    """
    images, latents = module_inputs()
    calls = {
        "gaussian_encoder": {"images": images},
        "reconstructions": {"images": images},
        "decoder": {"latent_vectors": latents},
    }
    with hub.eval_function_for_module(module_dir) as module:
        outputs = {
            name: module(inputs, signature=name, as_dict=True)
            for name, inputs in calls.items()
        }
    return {
        "mean": outputs["gaussian_encoder"]["mean"],
        "logvar": outputs["gaussian_encoder"]["logvar"],
        "reconstructions": outputs["reconstructions"]["images"][:, ::4, ::4, 0],
        "decoder": outputs["decoder"]["images"][:, ::4, ::4, 0],
    }
