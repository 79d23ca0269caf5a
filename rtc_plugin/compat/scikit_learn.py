# SPDX-License-Identifier: Apache-2.0
"""Scores mean what they meant: the estimators of scikit-learn 0.21.

The library's published study ran on scikit-learn 0.20 and 0.21, whose estimators
`rtc_plugin.measures.estimators` has, and what has changed since.

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
left alone.
"""

import functools
import inspect
import types

import gin
import numpy as np
from absl import logging
from sklearn import ensemble, linear_model, svm

from rtc_plugin.errors import UserError
from rtc_plugin.measures import estimators


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
        return estimators.GradientBoostingClassifier(**kwargs)
    return ensemble.GradientBoostingClassifier(**kwargs)


_STUDY = {
    linear_model.LogisticRegression: estimators.logistic_regression,
    linear_model.LogisticRegressionCV: estimators.logistic_regression_cv,
    svm.LinearSVC: estimators.linear_svc,
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
