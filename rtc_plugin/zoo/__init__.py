# SPDX-License-Identifier: Apache-2.0
"""The published model zoo: what people kept of it, what it scored, and rebuilding it.

#### References
[1] Locatello et al. Challenging Common Assumptions in the Unsupervised Learning of
    Disentangled Representations, ICML 2019. https://arxiv.org/abs/1811.12359
"""
