# SPDX-License-Identifier: Apache-2.0
"""Times the total-correlation estimators against plain NumPy and PyTorch.

    python benchmarks/estimators.py [--batch_size 2048] [--mixture] [--study]

All in one run, on as many threads as there are cores, so that the ratios can be trusted
where the seconds cannot. PyTorch is compared if it is installed. Each number is the
fastest of the repetitions.
"""

import argparse
import math
import resource
import tempfile
import time

import joblib
import numpy as np

from rtc_plugin import total_correlation
from rtc_plugin.estimators import study as study_lib


def encode(batch_size, num_latent, sigma=0.1):
    """Returns z, z_mean, z_logvar of independent latents."""
    random = np.random.default_rng(0)
    z_mean = random.standard_normal((batch_size, num_latent))
    z = z_mean + sigma * random.standard_normal(z_mean.shape)
    return z, z_mean, np.full(z_mean.shape, 2 * math.log(sigma))


def numpy_broadcast(z, z_mean, z_logvar, log_weights):
    """The published formula, written down as NumPy broadcasts it."""
    log_q = -0.5 * (
        math.log(2 * math.pi)
        + z_logvar[None]
        + (z[:, None] - z_mean[None]) ** 2 * np.exp(-z_logvar[None])
    )

    def logsumexp(values):
        largest = values.max(axis=1, keepdims=True)
        return np.log(np.exp(values - largest).sum(axis=1)) + largest[:, 0]

    log_joint = logsumexp(log_q.sum(axis=2) + log_weights)
    log_marginals = logsumexp(log_q + log_weights[:, :, None])
    return np.mean(log_joint - log_marginals.sum(axis=1))


def torch_logsumexp(precision, num_threads):
    """Returns the same as a function of NumPy arrays, by torch.logsumexp."""
    import torch

    torch.set_num_threads(num_threads)

    def estimate(*arrays):
        z, z_mean, z_logvar, log_weights = (
            torch.from_numpy(array).to(getattr(torch, precision)) for array in arrays
        )
        log_q = -0.5 * (
            math.log(2 * math.pi)
            + z_logvar[None]
            + (z[:, None] - z_mean[None]) ** 2 * torch.exp(-z_logvar[None])
        )
        log_joint = torch.logsumexp(log_q.sum(2) + log_weights, 1)
        log_marginals = torch.logsumexp(log_q + log_weights[:, :, None], 1)
        return float((log_joint - log_marginals.sum(1)).mean())

    with torch.inference_mode():
        estimate(*encode(4, 2), np.zeros((4, 4)))
    return torch.inference_mode()(estimate)


def time_minibatch(batch_size, num_latent, repetitions):
    """Prints seconds of all implementations and their ratio to ours."""
    batch = encode(batch_size, num_latent)
    dataset_size = 737280
    threads = joblib.cpu_count()
    peers = {"NumPy broadcast": numpy_broadcast}
    try:
        for precision in ("float32", "float64"):
            peers[f"PyTorch {precision}"] = torch_logsumexp(precision, threads)
    except ImportError:
        print("PyTorch is not installed.")
    print(f"minibatch, B = {batch_size}, D = {num_latent}, {threads} threads")
    for estimator in ("naive", "mss1"):
        weights = total_correlation.minibatch_weights(
            batch_size, estimator, dataset_size
        )
        log_weights = np.log(weights.dense())
        calls = {"rtc_plugin": (total_correlation.minibatch, estimator, dataset_size)}
        calls.update({name: (peer, log_weights) for name, peer in peers.items()})
        seconds, values = {name: [] for name in calls}, {}
        # In turns, so that what else the machine does weighs on all.
        for _ in range(repetitions):
            for name, (function, *arguments) in calls.items():
                start = time.perf_counter()
                values[name] = function(*batch, *arguments)
                seconds[name].append(time.perf_counter() - start)
        for name in calls:
            assert abs(values[name] - values["rtc_plugin"]) < 1e-3, values
            ratio = min(seconds[name]) / min(seconds["rtc_plugin"])
            print(f"  {estimator}: {name} {min(seconds[name]):.3f} s, {ratio:.1f} x")


def time_mixture(dataset_size, num_samples, num_latent):
    """Prints the seconds of the exact value, and the memory of the whole run."""
    _, z_mean, z_logvar = encode(dataset_size, num_latent)
    start = time.perf_counter()
    estimate = total_correlation.mixture(z_mean, z_logvar, num_samples, 0)
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"mixture, N = {dataset_size}, {num_samples} samples, D = {num_latent}: "
        f"{seconds:.0f} s, {estimate.value:.3f} +- {estimate.standard_error:.3f} nats, "
        f"at most {memory:.2f} GiB"
    )


def time_study():
    """Prints the seconds of the figure2 study at its default settings."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        study_lib.run("figure2", folder)
        print(f"figure2 study: {time.perf_counter() - start:.0f} s")


def main():
    """Runs what the flags ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch_size", type=int, default=2048)
    parser.add_argument("--num_latent", type=int, default=10)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--dataset_size", type=int, default=480_000)
    parser.add_argument("--num_samples", type=int, default=5000)
    parser.add_argument("--mixture", action="store_true", help="time the exact value")
    parser.add_argument("--study", action="store_true", help="time the figure2 study")
    args = parser.parse_args()
    if args.mixture:
        time_mixture(args.dataset_size, args.num_samples, args.num_latent)
    time_minibatch(args.batch_size, args.num_latent, args.repetitions)
    if args.study:
        time_study()


if __name__ == "__main__":
    main()
