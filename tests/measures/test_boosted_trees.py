# SPDX-License-Identifier: Apache-2.0
"""Boosted trees by sorting once: scikit-learn's trees, node by node."""

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from rtc_plugin.measures import boosted_trees
from rtc_plugin.measures.boosted_trees import BoostedTrees


def random_codes(n=400, d=5, num_classes=4, seed=0):
    random = np.random.RandomState(seed)
    factor = random.randint(num_classes, size=n)
    informative = 0.4 * factor[:, None] * (np.arange(d) < 2)
    return random.standard_normal((n, d)) + informative, factor


def tied():
    codes, factor = random_codes(600)
    return np.round(codes, 1), factor


def constant():
    codes, factor = random_codes()
    codes[:, 1] = 3.0
    return codes, factor


def binary():
    codes, factor = random_codes(num_classes=2)
    return codes, factor


def two_valued():
    codes, factor = random_codes()
    codes[:, :3] = codes[:, :3] > 0.5
    return codes, factor


def few():
    return random_codes(10, num_classes=3)


def hundred():
    return random_codes(100, num_classes=3, seed=4)


def huge():
    codes, factor = random_codes()
    return codes * 1e12, factor


CODES = [random_codes, tied, constant, binary, two_valued, few, hundred, huge]


def improvement(codes, residual, feature, threshold):
    """By how much a split lowers the sum of squares of the residuals."""
    left = codes[:, feature] <= threshold
    both = (residual[left], residual[~left])
    return sum(len(r) * r.mean() ** 2 for r in both if len(r))


def compare_tree(stock, ours, codes, residual):
    """Walks both trees; returns False where they part, which only a tie may cause."""
    features, thresholds = ours
    stack = [(0, 0, np.arange(len(codes)))]
    while stack:
        node, heap, rows = stack.pop()
        feature = features[heap] if heap < len(features) else -1
        stock_feature = stock.feature[node]
        if feature < 0 or stock_feature < 0:
            # Today's bound on the impurity is that of rounding.
            assert feature < 0 and stock_feature < 0 or residual[rows].var() < 1e-12
            if (feature < 0) != (stock_feature < 0):
                return False
            continue
        here = codes[rows], residual[rows]
        threshold, stock_threshold = thresholds[heap], stock.threshold[node]
        if feature != stock_feature or threshold != pytest.approx(
            stock_threshold, rel=1e-6
        ):
            ours_gain = improvement(*here, feature, threshold)
            stock_gain = improvement(*here, stock_feature, stock_threshold)
            assert ours_gain == pytest.approx(stock_gain, rel=1e-9, abs=1e-12)
            return False
        left = codes[rows, feature] <= threshold
        stack.append((stock.children_left[node], 2 * heap + 1, rows[left]))
        stack.append((stock.children_right[node], 2 * heap + 2, rows[~left]))
    return True


def residuals_before_each_stage(stock, codes, factor):
    num_trees = stock.estimators_.shape[1]
    targets = (factor[:, None] == np.arange(len(stock.classes_)))[:, -num_trees:]
    share = targets.mean(axis=0)
    prior = np.log(share / (1 - share) if num_trees == 1 else share)
    raw = [np.repeat(prior[None], len(codes), axis=0)]
    raw += list(stock.staged_decision_function(codes))
    for values in raw[:-1]:
        values = values.reshape(len(codes), num_trees).T
        yield targets.T - boosted_trees._probability(values)


@pytest.mark.parametrize("make", CODES, ids=lambda make: make.__name__)
def test_each_tree_is_scikit_learns_where_no_tie_decides(make):
    codes, factor = make()
    codes = codes.astype(np.float32)
    stock = GradientBoostingClassifier(random_state=0).fit(codes, factor)
    presorted = boosted_trees._presort(codes)
    step = 0.1 * boosted_trees._newton_factor(stock.estimators_.shape[1])
    equal = []
    stages = residuals_before_each_stage(stock, codes, factor)
    for trees, residuals in zip(stock.estimators_, stages):
        for tree, residual in zip(trees, residuals):
            features, thresholds = np.full(7, -1, np.int32), np.zeros(7)
            leaves, gain = np.zeros(8), np.zeros(codes.shape[1])
            arrays = features, thresholds, leaves, gain
            added = boosted_trees._grow(
                *presorted, residual, 1e-15, step, np.uint64(0), *arrays
            )
            equal.append(
                compare_tree(tree.tree_, (features, thresholds), codes, residual)
            )
            if equal[-1]:
                np.testing.assert_allclose(
                    added, 0.1 * tree.tree_.predict(codes)[:, 0], rtol=1e-6, atol=1e-9
                )
                np.testing.assert_allclose(
                    gain,
                    tree.tree_.compute_feature_importances(normalize=False),
                    rtol=1e-6,
                    atol=1e-15,
                )
    # Nodes of two or three samples, and of equal residuals, are often ties.
    assert np.mean(equal) > 0.2


@pytest.mark.parametrize("num_classes", [2, 7])
def test_importances_and_predictions_are_scikit_learns(num_classes):
    codes, factor = random_codes(1000, num_classes=num_classes)
    stock = [
        GradientBoostingClassifier(random_state=seed).fit(codes, factor)
        for seed in range(4)
    ]
    ours = BoostedTrees(random_state=0).fit(codes, factor)
    importances = np.array([model.feature_importances_ for model in stock])
    spread = np.ptp(importances, axis=0) + 1e-3
    assert np.all(ours.feature_importances_ > importances.min(axis=0) - spread)
    assert np.all(ours.feature_importances_ < importances.max(axis=0) + spread)
    assert ours.feature_importances_.sum() == pytest.approx(1.0)
    new = random_codes(1000, seed=1, num_classes=num_classes)[0]
    agree = [np.mean(model.predict(new) == ours.predict(new)) for model in stock]
    between = [np.mean(model.predict(new) == stock[0].predict(new)) for model in stock]
    assert np.mean(agree) > min(between) - 0.02
    assert ours.score(codes, factor) == pytest.approx(
        stock[0].score(codes, factor), abs=0.01
    )
    probability = ours.predict_proba(new)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    likeliest = ours.classes_[probability.argmax(axis=1)]
    np.testing.assert_array_equal(likeliest, ours.predict(new))


def test_copies_share_their_importance():
    codes, factor = random_codes(500, d=2)
    codes[:, 1] = codes[:, 0]
    importances = BoostedTrees(random_state=0).fit(codes, factor).feature_importances_
    assert importances.min() > 0.35
    stock = GradientBoostingClassifier(random_state=0).fit(codes, factor)
    assert stock.feature_importances_.min() > 0.35


def test_result_depends_on_the_seed_alone():
    codes, factor = random_codes(300)
    codes = np.round(codes)

    def fit(seed, num_threads):
        trees = BoostedTrees(random_state=seed, num_threads=num_threads)
        return trees.fit(codes, factor).features_

    np.testing.assert_array_equal(fit(0, 1), fit(0, 3))
    assert np.any(fit(0, 1) != fit(1, 1))


def test_constant_codes_have_no_importance_and_predict_the_commonest():
    factor = np.array([0, 1, 1, 2])
    trees = BoostedTrees(random_state=0).fit(np.ones((4, 2)), factor)
    assert trees.feature_importances_.tolist() == [0.0, 0.0]
    assert trees.predict(np.zeros((2, 2))).tolist() == [1, 1]


def test_a_coarse_bound_on_the_impurity_stops_early():
    codes, factor = few()
    fine = BoostedTrees(random_state=0).fit(codes, factor)
    coarse = BoostedTrees(random_state=0, min_impurity=1e-2).fit(codes, factor)
    assert np.sum(coarse.features_ >= 0) < np.sum(fine.features_ >= 0)


@pytest.mark.parametrize(
    ("codes", "factor", "message"),
    [
        (np.ones((3, 2)), [1, 1, 1], "y has 1 class"),
        (np.full((3, 2), np.nan), [0, 1, 1], "NaN"),
        (np.ones((3, 2)), [0, 1], "inconsistent"),
    ],
)
def test_what_cannot_be_fitted_is_refused(codes, factor, message):
    with pytest.raises(ValueError, match=message):
        BoostedTrees().fit(codes, factor)
