# SPDX-License-Identifier: Apache-2.0
"""Numbers that papers print, each with its place.

Only what was read in the source itself is in the file. That is little: the study prints
its scores as plots and rank correlations, and the paper of RTC-VAE prints curves; no
table of either holds a score per method. Add rows where you have such a table before
you: value, source and place must be exact.
"""

import os

import pandas as pd

FILE = os.path.join(os.path.dirname(__file__), "published.csv")
NOTE = (
    "Locatello et al. print the scores of the study as plots, and the paper of RTC-VAE "
    "prints curves: no table of either gives a score per method. What follows are the "
    "few values that stand in the text."
)


def read():
    """Returns the published values.

    Returns:
        DataFrame with dataset, model, strength (missing if the source does not say),
        quantity, value, source, place (page, table, figure) and note.
    """
    return pd.read_csv(FILE, keep_default_na=False, na_values={"strength": ""})
