# SPDX-License-Identifier: Apache-2.0
"""Training, side by side: processor time per update of each contestant, interleaved.

    python benchmarks/training.py --home=PATH_OF_ITS_PYTHON --before=PATH_OF_A_CHECKOUT

Each contestant is a process that makes a few updates whenever it is told to, so that a
noisy machine is noisy for all of them: A B C, A B C, and so on. Reported are median and
range of processor time (user and system) and wall time per update. All make the updates
of the library's networks on 64x64x3 images that lie in memory: the input pipeline and
checkpoints are not part of it.

Contestants: ours; ours without oneDNN (as TensorFlow has it on processors without
AVX512_VNNI or AMX); `--before`, the plugin of another checkout, with TensorFlow's own
choice; `--home`, the Python of the library's home ground (how to make one is in
`scripts/maintenance/record_home_ground.py`), which has no RTC-VAE.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
BINDINGS = """
encoder.num_latent = 10
encoder.encoder_fn = @conv_encoder
decoder.decoder_fn = @deconv_decoder
discriminator.discriminator_fn = @fc_discriminator
reconstruction_loss.loss_fn = @bernoulli_loss
vae_optimizer.optimizer_fn = @AdamOptimizer
discriminator_optimizer.optimizer_fn = @AdamOptimizer
vae_optimizer.learning_rate = 0.0001
discriminator_optimizer.learning_rate = 0.0001
factor_vae.gamma = 10.
beta_tc_vae.beta = 6.
"""


def main():
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="rtc_vae,factor_vae,beta_tc_vae")
    parser.add_argument("--batch_sizes", default="64,500")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of one block")
    parser.add_argument("--home", help="Python of the library's home ground")
    parser.add_argument("--before", help="checkout of the plugin to compare with")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        model, batch_size = options.serve.split(",")
        serve(model, int(batch_size), options.threads)
        return
    print("| model | batch | contestant | processor ms (range) | wall ms (range) |")
    print("|---|---|---|---|---|")
    for batch_size in map(int, options.batch_sizes.split(",")):
        for model in options.models.split(","):
            compare(model, batch_size, options)


def compare(model, batch_size, options):
    """Prints the rows of one model and batch size."""
    ours = {"PYTHONPATH": ROOT}
    contestants = {
        "ours": (sys.executable, {**ours, "TF_ENABLE_ONEDNN_OPTS": "1"}),
        "ours, no oneDNN": (sys.executable, {**ours, "TF_ENABLE_ONEDNN_OPTS": "0"}),
    }
    if options.before:
        before = {"PYTHONPATH": os.path.abspath(options.before)}
        contestants["before"] = (sys.executable, before)
    if options.home and model != "rtc_vae":
        contestants["home"] = (options.home, {})
    workers = {
        name: start(python, environment, model, batch_size, options.threads)
        for name, (python, environment) in contestants.items()
    }
    times = {name: [] for name in workers}
    try:
        # The first call warms up and says how long an update takes.
        counts = {
            name: max(1, round(options.seconds / ask(worker, 1)[1]))
            for name, worker in workers.items()
        }
        for _ in range(options.blocks):
            for name, worker in workers.items():
                times[name].append(ask(worker, counts[name]))
    finally:
        for worker in workers.values():
            worker.stdin.close()
            worker.wait()
    for name, blocks in times.items():
        columns = (describe(seconds) for seconds in zip(*blocks))
        print(f"| {model} | {batch_size} | {name} | {' | '.join(columns)} |")
    sys.stdout.flush()


def describe(seconds):
    """Returns median and range in milliseconds."""
    low, high = min(seconds) * 1e3, max(seconds) * 1e3
    return f"{statistics.median(seconds) * 1e3:.0f} ({low:.0f} to {high:.0f})"


def start(python, environment, model, batch_size, threads):
    """Starts a contestant's process."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [python, os.path.abspath(__file__), "--serve", f"{model},{batch_size}"]
    return subprocess.Popen(
        [*command, "--threads", str(threads)],
        env={**inherited, **environment, "TF_CPP_MIN_LOG_LEVEL": "2"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def ask(worker, updates):
    """Returns processor and wall seconds per update of a block."""
    worker.stdin.write(f"{updates}\n")
    worker.stdin.flush()
    line = worker.stdout.readline()
    if not line:
        raise SystemExit(f"{worker.args} ended with exit code {worker.wait()}")
    return tuple(float(word) for word in line.split())


def serve(model, batch_size, threads):
    """Makes as many updates as standard input asks for; also on the home ground."""
    import disentanglement_lib  # noqa: F401, first: wakes the hook, if there is one
    import gin.tf
    import numpy as np
    import tensorflow.compat.v1 as tf
    from disentanglement_lib.methods.unsupervised import train  # noqa: F401

    @gin.configurable("timed")
    def timed(model):
        return model

    gin.parse_config(BINDINGS + f"timed.model = @{model}()\n")
    if model == "rtc_vae":
        gin.parse_config("rtc_vae.beta = 10.")
    tf.set_random_seed(0)
    tf.train.create_global_step()
    images = np.random.RandomState(0).rand(batch_size, 64, 64, 3)
    features = tf.get_variable(
        "images", initializer=images.astype(np.float32), trainable=False
    )
    spec = timed().model_fn(tf.identity(features), None, "train", {})
    config = tf.ConfigProto(
        intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
    )
    with tf.Session(config=config) as session:
        session.run(tf.global_variables_initializer())
        session.run([spec.train_op, spec.loss])
        for line in sys.stdin:
            before = time.process_time(), time.perf_counter()
            for _ in range(int(line)):
                session.run([spec.train_op, spec.loss])
            after = time.process_time(), time.perf_counter()
            spent = [(b - a) / int(line) for a, b in zip(before, after)]
            print(*spent, flush=True)


if __name__ == "__main__":
    main()
