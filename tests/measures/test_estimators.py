# SPDX-License-Identifier: Apache-2.0
import joblib
import numpy as np
from sklearn import model_selection

from rtc_plugin.measures import estimators


def test_logistic_regression_does_not_depend_on_the_number_of_threads(monkeypatch):
    random = np.random.RandomState(0)
    labels = random.randint(5, size=300)
    codes = random.normal(size=(300, 3)) + labels[:, None]

    def fit(num_threads):
        monkeypatch.setattr(joblib, "cpu_count", lambda: num_threads)
        model = estimators.logistic_regression_cv(3, model_selection.KFold(2))
        return [one.coef_ for one in model.fit(codes, labels).estimators_]

    np.testing.assert_array_equal(fit(1), fit(3))
