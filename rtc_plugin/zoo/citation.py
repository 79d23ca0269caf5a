# SPDX-License-Identifier: Apache-2.0
"""Whom to cite for what."""

ENTRIES = {
    "the study and its models": """@inproceedings{locatello2019challenging,
  title={Challenging Common Assumptions in the Unsupervised Learning of Disentangled
         Representations},
  author={Locatello, Francesco and Bauer, Stefan and Lucic, Mario and
          R{\\"a}tsch, Gunnar and Gelly, Sylvain and Sch{\\"o}lkopf, Bernhard and
          Bachem, Olivier},
  booktitle={International Conference on Machine Learning},
  year={2019},
  eprint={1811.12359},
  archivePrefix={arXiv}
}""",
    "RTC-VAE, TC_mean and TC_sample": """@misc{cheng2020revisiting,
  title={Revisiting Factorizing Aggregated Posterior in Learning Disentangled
         Representations},
  author={Cheng, Ze and Li, Juncheng and Wang, Chenxu and Gu, Jixuan and Xu, Hao and
          Li, Xinjian and Metze, Florian},
  year={2020},
  eprint={2009.05739},
  archivePrefix={arXiv}
}""",
    "what passive latents do to TC_mean": """@article{bonheme2023active,
  title={Be More Active! Understanding the Differences between Mean and Sampled
         Representations of Variational Autoencoders},
  author={Bonheme, Lisa and Grzes, Marek},
  journal={Journal of Machine Learning Research},
  year={2023},
  eprint={2109.12679},
  archivePrefix={arXiv}
}""",
    "the bootstrap intervals of rtc zoo compare": """@inproceedings{agarwal2021deep,
  title={Deep Reinforcement Learning at the Edge of the Statistical Precipice},
  author={Agarwal, Rishabh and Schwarzer, Max and Castro, Pablo Samuel and Courville,
          Aaron C. and Bellemare, Marc G.},
  booktitle={Advances in Neural Information Processing Systems},
  year={2021},
  eprint={2108.13264},
  archivePrefix={arXiv}
}""",
}


def text():
    """Returns BibTeX entries, each under a comment that says what it is for."""
    return "\n\n".join(f"% For {what}\n{entry}" for what, entry in ENTRIES.items())
