# SPDX-License-Identifier: Apache-2.0
"""Scores mean what they meant: the estimators of scikit-learn 0.21.

The library's published study ran on scikit-learn 0.20 and 0.21. Estimators that its
metrics create with their defaults have changed since, and the scores with them:

* `LogisticRegression` and `LogisticRegressionCV` solved a problem with several classes
  as one against the rest, the first by liblinear (which regularises the intercept), the
  second by L-BFGS. Since 0.22 both fit one multinomial model.
* `GradientBoostingClassifier` split no node of impurity 1e-7 or less. Since 0.23 its
  trees go on, which matters where they fit every training point: at 10 or 100 points.
* `LinearSVC` solved the dual problem. Since 1.5 it chooses.

The metrics get the old definitions, unless the gin binding

    scores.definition = "today"

asks for those of the installed version; the binding is then part of the evaluation's
saved config. What else the metrics use (`KFold`, `mutual_info_score`, `roc_auc_score`,
the trees' importances) means the same in both.

The boosted trees, whichever their bound, are built by
`rtc_plugin.measures.boosted_trees`: the same trees, many times faster.
`scores.boosted_trees = "scikit-learn"` asks for scikit-learn's own, which also serve
where Numba is not installed.

Only the metric modules of the library see the old definitions; scikit-learn itself is
left alone. Checked with scikit-learn 1.3, 1.6 and 1.9.
"""

import functools
import inspect
import types

import gin
import numpy as np
import threadpoolctl
from absl import logging
from sklearn import ensemble, linear_model, multiclass, svm, tree
from sklearn.utils import check_random_state

from rtc_plugin.errors import UserError


@gin.configurable("scores")
def score_definition(definition="study", boosted_trees="presorted"):
    """Says which definitions of its estimators a metric uses.

    Args:
      definition: "study" for scikit-learn 0.21's, on which the library's published
        numbers stand; "today" for those of the installed version.
      boosted_trees: "presorted" for this package's, "scikit-learn" for its own.

    Returns:
      The definition, "study" or "today", and whose boosted trees.

    Raises:
      UserError: If it is neither.
    """
    if boosted_trees not in ("presorted", "scikit-learn"):
        raise UserError(
            "scores.boosted_trees must be 'presorted' (the default) or 'scikit-learn',"
            f" not {boosted_trees!r}."
        )
    if definition not in ("study", "today"):
        raise UserError(
            "scores.definition must be 'study' (scikit-learn 0.21, the default) or"
            f" 'today' (the installed version), not {definition!r}."
        )
    return definition, boosted_trees


def _active_definition():
    # gin writes the parameters of every configurable that ran to the saved config; by
    # default that shall be the one that the library has always written.
    if not gin.get_bindings("scores"):
        return "study", "presorted"
    return score_definition()


class _OneVsRest(multiclass.OneVsRestClassifier):
    """One class against the rest, on one thread: such small problems lose by more."""

    def fit(self, X, y, **kwargs):  # noqa: N803, scikit-learn's name
        """Fits one binary model per class."""
        with threadpoolctl.threadpool_limits(limits=1):
            return super().fit(X, y, **kwargs)


def logistic_regression(random_state=None):
    """Creates what `LogisticRegression` was by default.

    Args:
      random_state: Seed or random state. The solver needs none, but it took one number
        off the metric's random state, and the metric goes on with the rest.

    Returns:
      Estimator: one class against the rest, liblinear, C = 1.
    """
    check_random_state(random_state).randint(np.iinfo("i").max)
    return _OneVsRest(linear_model.LogisticRegression(solver="liblinear"))


def logistic_regression_cv(Cs, cv):  # noqa: N803, scikit-learn's name
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


def linear_svc(**kwargs):
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


def boosted_trees(definition, whose, **kwargs):
    """Creates a `GradientBoostingClassifier`.

    Args:
      definition: "study" or "today", which differ in the bound on the impurity.
      whose: "presorted" or "scikit-learn".
      **kwargs: The constructor's arguments; scikit-learn serves if there is any other
        than the random state.

    Returns:
      Estimator.
    """
    if whose == "presorted" and not kwargs.keys() - {"random_state"}:
        try:
            from rtc_plugin.measures import boosted_trees as ours
        except ImportError as error:
            logging.warning(
                "Boosted trees by scikit-learn, which takes many times longer: %s.",
                error,
            )
        else:
            bound = {"study": ours.IMPURITY_STUDY, "today": ours.IMPURITY_TODAY}
            return ours.BoostedTrees(min_impurity=bound[definition], **kwargs)
    if definition == "study":
        return GradientBoostingClassifier(**kwargs)
    return ensemble.GradientBoostingClassifier(**kwargs)


_STUDY = {
    linear_model.LogisticRegression: logistic_regression,
    linear_model.LogisticRegressionCV: logistic_regression_cv,
    svm.LinearSVC: linear_svc,
}


def _by_definition(today):
    """Returns a constructor that asks for the definition when it is called."""

    @functools.wraps(today)
    def create(**kwargs):
        definition, whose = _active_definition()
        if today is ensemble.GradientBoostingClassifier:
            return boosted_trees(definition, whose, **kwargs)
        return (_STUDY[today] if definition == "study" else today)(**kwargs)

    return create


def _overlay(package):
    """Returns a copy of a scikit-learn package's namespace, estimators exchanged."""
    overlay = types.ModuleType(package.__name__, package.__doc__)
    vars(overlay).update(vars(package))
    for today in (ensemble.GradientBoostingClassifier, *_STUDY):
        if getattr(package, today.__name__, None) is today:
            setattr(overlay, today.__name__, _by_definition(today))
    return overlay


def keep_definitions(metric):
    """Patches a metric module of the library that imports scikit-learn's packages."""
    for package in (ensemble, linear_model, svm):
        name = package.__name__.rpartition(".")[2]
        if getattr(metric, name, None) is package:
            setattr(metric, name, _overlay(package))


def seed_estimators(evaluate):
    """Makes an evaluation repeatable: patches the library's `evaluation.evaluate`.

    `evaluation.random_seed` seeds what the metrics draw themselves. The boosted trees
    (DCI, downstream tasks), SAP's `LinearSVC` and the interventions of the strong
    downstream task draw from NumPy's global random state, which nothing seeds. While an
    evaluation runs, that state now follows from the evaluation's seed.
    """
    stock = evaluate.evaluate

    @functools.wraps(stock)
    def seeded(*args, **kwargs):
        given = inspect.signature(stock).bind_partial(*args, **kwargs).arguments
        seed = given.get("random_seed", gin.REQUIRED)
        if seed is gin.REQUIRED:
            seed = gin.get_bindings("evaluation").get("random_seed")
        if seed is None:
            return stock(*args, **kwargs)
        before = np.random.get_state()
        # The second number keeps it apart from the metric's own RandomState(seed).
        np.random.seed([seed, 1])
        try:
            return stock(*args, **kwargs)
        finally:
            np.random.set_state(before)

    evaluate.evaluate = seeded
