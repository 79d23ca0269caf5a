# SPDX-License-Identifier: Apache-2.0
"""The estimators of scikit-learn 0.21, with which the library's study was made.

Estimators that its metrics create with their defaults have changed since, and the
scores with them:

* `LogisticRegression` and `LogisticRegressionCV` solved a problem with several classes
  as one against the rest, the first by liblinear (which regularises the intercept), the
  second by L-BFGS. Since 0.22 both fit one multinomial model.
* `GradientBoostingClassifier` split no node of impurity 1e-7 or less. Since 0.23 its
  trees go on, which matters where they fit every training point: at 10 or 100 points.
* `LinearSVC` solved the dual problem. Since 1.5 it chooses.

Checked with scikit-learn 1.3, 1.6 and 1.9.
"""

import inspect
import types
import warnings
from typing import Any

import joblib
import numpy as np
import threadpoolctl
from sklearn import ensemble, exceptions, linear_model, multiclass, svm, tree
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from rtc_plugin.total_correlation.checks import Seed


class _OneVsRest(multiclass.OneVsRestClassifier):
    """One class against the rest, a thread per class: a problem has no use for more.

    The losses of scikit-learn run outside the interpreter's lock. The models are those
    of one thread; the threads share the arrays.
    """

    def fit(self, X, y, **kwargs):  # noqa: N803, scikit-learn's name
        """Fits one binary model per class."""
        with (
            threadpoolctl.threadpool_limits(limits=1),
            joblib.parallel_config("threading", n_jobs=joblib.cpu_count()),
            warnings.catch_warnings(),
        ):
            # The number of steps is part of the definition.
            warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
            return super().fit(X, y, **kwargs)


def logistic_regression(random_state: Seed = None) -> BaseEstimator:
    """Creates what `LogisticRegression` was by default.

    Args:
      random_state: Seed or random state. The solver needs none, but it took one number
        off the metric's random state, and the metric goes on with the rest.

    Returns:
      Estimator: one class against the rest, liblinear, C = 1.
    """
    check_random_state(random_state).randint(np.iinfo("i").max)
    return _OneVsRest(linear_model.LogisticRegression(solver="liblinear"))


def logistic_regression_cv(Cs: int, cv: Any) -> BaseEstimator:  # noqa: N803, scikit-learn's name
    """Creates what `LogisticRegressionCV` was by default.

    Args:
      Cs: Number of inverse regularisation strengths, on a log scale from 1e-4 to 1e4.
      cv: Cross-validation generator.

    Returns:
      Estimator: one class against the rest, L-BFGS, each class with the strength under
      which it is told from the rest most accurately.
    """
    estimator = linear_model.LogisticRegressionCV
    keywords = {}
    if "use_legacy_attributes" in inspect.signature(estimator).parameters:
        # How scikit-learn 1.8 and newer want the plain L2 penalty to be spelt.
        keywords = {"l1_ratios": (0.0,), "use_legacy_attributes": False}
    # The tolerance was on the gradient of the sum of losses, now it is on their mean's.
    binary = estimator(Cs=Cs, cv=cv, tol=1e-5, scoring="accuracy", **keywords)
    return _OneVsRest(binary)


def linear_svc(**kwargs: Any) -> BaseEstimator:
    """Creates what `LinearSVC` was by default: a solver of the dual problem."""
    return svm.LinearSVC(dual=True, **kwargs)


class _CoarseTree(tree.DecisionTreeRegressor):
    """Regression tree that splits no node of impurity 1e-7 or less.

    Today's tree stops at the machine epsilon. A target in smaller units moves that
    bound to 1e-7 and nothing else: splits don't depend on the unit, and boosting
    replaces the values of the leaves by its own.
    """

    def fit(self, X, y, **kwargs):  # noqa: N803, scikit-learn's name
        """Builds the tree."""
        return super().fit(X, y * np.sqrt(np.finfo(np.float64).eps / 1e-7), **kwargs)


class GradientBoostingClassifier(ensemble.GradientBoostingClassifier):
    """scikit-learn's own `GradientBoostingClassifier` with the bound that it had."""

    # The stock method, for which the name of the tree's class means ours.
    _stock = ensemble.GradientBoostingClassifier._fit_stage
    _fit_stage = types.FunctionType(
        _stock.__code__,
        dict(_stock.__globals__, DecisionTreeRegressor=_CoarseTree),
        _stock.__name__,
        _stock.__defaults__,
        _stock.__closure__,
    )
    del _stock
