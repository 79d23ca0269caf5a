# SPDX-License-Identifier: Apache-2.0
"""Results tables with known answers: every claim of the paper holds in them."""

import numpy as np

from rtc_plugin.results import table as results_table

STRENGTHS = (2.0, 10.0, 50.0)
MODELS = ("factor_vae", "dip_vae_i", "dip_vae_ii", "rtc_vae")
DATASETS = ("dsprites_rendered", "shapes3d_rendered")
NUM_FACTORS = {"dsprites_rendered": 5, "shapes3d_rendered": 6}
NUM_LATENT = 10


def scores_in_line_with_the_paper(dataset, model, strength, seed, random):
    """Returns the scores of one model, {score: number or nested lists}."""
    wobble = 1.0 + 0.02 * random.standard_normal()
    factor, dip = model == "factor_vae", model.startswith("dip")
    num_factors = NUM_FACTORS[dataset]
    tc_mean = (3.0 if factor else 0.2) * wobble
    num_active = 6 if factor else 10
    nmi = np.full((NUM_LATENT, num_factors), 0.02)
    nmi[np.arange(num_factors), np.arange(num_factors)] = 0.7
    nmi[NUM_LATENT - 1, 0] = 0.6  # Factor 0 sits in two latents.
    r2 = np.where(nmi > 0.1, nmi, 0.0)
    r2[NUM_LATENT - 1, 0] = 0.0
    worse = 20.0 if model == "rtc_vae" and strength > 10 else 0.0
    return {
        "tc_mean": tc_mean,
        "tc_sample": tc_mean / 20 if factor else tc_mean * 0.99,
        "tc_gap": tc_mean * (0.95 if factor else 0.01),
        "tc_mean_active": 0.1 * wobble,
        "tc_sample_active": 0.09 * wobble,
        "tc_noise_floor_std": 0.00094,
        "num_active": num_active,
        "num_mixed": 0,
        "num_passive": NUM_LATENT - num_active,
        "signal_share": [0.98] * num_active + [0.05] * (NUM_LATENT - num_active),
        "gaussian_sample": tc_mean / 20 if factor else tc_mean * 0.99,
        "knn_sample": 4.0 if dip else tc_mean + 0.02,
        "knn_sample_stderr": 0.01,
        "knn_excess_sample": 4.0 - tc_mean if dip else 0.02,
        "knn_excess_sample_stderr": 0.01,
        "num_dependent_pairs_mean": 30 if dip else 1,
        "num_pairs": 45,
        "num_permutations": 50,
        "mean_r2_gap": random.uniform(0.1, 0.5),
        "mean_nmi_gap": random.uniform(0.1, 0.5),
        "disintegration": 0.3 * wobble,
        "r2_disintegration": 0.1 * wobble,
        "disintegration_per_factor": [0.49] + [0.05] * (num_factors - 1),
        "top2_nmi_scores": [[0.7, 0.6]] + [[0.7, 0.02]] * (num_factors - 1),
        **({"r2_matrix": r2.tolist(), "nmi_matrix": nmi.tolist()} if seed == 0 else {}),
        "reconstruction_bernoulli": 100.0 + worse + wobble,
        "latent_class": ["active"] * NUM_LATENT,
    }


def study_table(
    scores=scores_in_line_with_the_paper, seeds=3, models=MODELS, datasets=DATASETS
):
    """Makes the results table of a study.

    Args:
        scores: Function of dataset, model, strength, seed and a random generator.
        seeds: Number of seeds.
        models: Names of models.
        datasets: Names of data sets.
    """
    parameter = {"rtc_vae": "rtc_vae.beta", "factor_vae": "factor_vae.gamma"}
    random = np.random.default_rng(0)
    rows, model_num = [], 0
    for dataset in datasets:
        for model in models:
            for strength in STRENGTHS:
                for seed in range(seeds):
                    results = scores(dataset, model, strength, seed, random)
                    gin_name = "dip_vae" if model.startswith("dip") else model
                    name = parameter.get(model, "dip_vae.lambda_od")
                    record = {
                        "train_config.dataset.name": f"'{dataset}'",
                        "train_config.model.model": f"@{gin_name}()",
                        f"train_config.{name}": str(strength),
                        "train_config.dip_vae.dip_type": f"'{model[8:]}'",
                        "train_config.model.random_seed": str(seed),
                        "train_config.model.training_steps": "100",
                        "train_config.model.batch_size": "32",
                        "train_config.encoder.num_latent": str(NUM_LATENT),
                        "postprocess_config.postprocess.postprocess_fn": (
                            "@mean_and_logvar_representation"
                        ),
                        "evaluation_config.evaluation.evaluation_fn": "@rtc_metrics",
                        **{f"evaluation_results.{k}": v for k, v in results.items()},
                    }
                    rows += results_table.tidy_rows(
                        record,
                        study="synthetic",
                        model_num=model_num,
                        folder=str(model_num),
                    )
                    model_num += 1
    return results_table.to_table(rows)
