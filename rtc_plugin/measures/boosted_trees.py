# SPDX-License-Identifier: Apache-2.0
"""Gradient-boosted trees for classification, exact and fast by sorting once.

scikit-learn sorts each feature anew in each node of each tree, though the features
never change: with ten latents and ten classes that is 70,000 sorts. Here each feature
is sorted once. A tree grows level by level; one pass over a feature in its sorted order
finds the best split of all nodes of a level at the same time, since the running sums of
a node do not mind what of other nodes lies in between.

The trees are those of scikit-learn's `GradientBoostingClassifier` at its defaults
(squared error, which chooses the same splits as Friedman's criterion does; depth 3; 100
stages; learning rate 0.1), with the rules of its code: features are float32, values
closer than 1e-7 are equal, thresholds lie half way, the leaves get Friedman's Newton
step [1]. Where several features split equally well, one of them is taken at random, as
scikit-learn does, whose random numbers are others; nothing else differs but the order
in which sums are rounded.

#### References
[1] Friedman. Greedy Function Approximation: A Gradient Boosting Machine. Annals of
    Statistics 29, 2001.
"""

import concurrent.futures

import numba
import numpy as np
from joblib import cpu_count
from scipy import special
from sklearn import base
from sklearn.utils import check_random_state, validation

_DEPTH = 3
_NODES = 2**_DEPTH - 1
_SAME = np.float32(1e-7)
# A node of no more impurity than this is a leaf: in scikit-learn from 0.23 on, and
# before, which is what the library's published study ran on.
IMPURITY_TODAY, IMPURITY_STUDY = float(np.finfo(np.float64).eps), 1e-7


class BoostedTrees(base.ClassifierMixin, base.BaseEstimator):
    """What `GradientBoostingClassifier` is at its defaults, many times faster.

    Args:
        n_estimators: Number of stages; each has a tree per class, or one for two
            classes.
        learning_rate: Shrinks each stage's contribution.
        min_impurity: A node is split only if its impurity, the variance of the
            residuals in it, is above this: `IMPURITY_TODAY` or `IMPURITY_STUDY`.
        random_state: Seed, `RandomState` or None for NumPy's global state; decides
            between splits that are equally good.
        num_threads: Threads, which work on different classes; all usable cores by
            default. The result does not depend on it.

    Attributes:
        classes_: [num_classes] labels.
        feature_importances_: [num_features], non-negative, sum 1 (all 0 if no tree has
            a split): the decrease of impurity that a feature's splits bring.
        features_: [n_estimators, num_trees, 7] feature of each node in the order of a
            heap, -1 for a leaf.
        thresholds_: The same shape; a sample goes left if its value is not above it.
        values_: [n_estimators, num_trees, 8] what a leaf adds, learning rate included.

    Examples:
        >>> codes = np.repeat([[0.0], [1.0], [2.0]], 5, axis=0)
        >>> factor = np.repeat(["a", "b", "c"], 5)
        >>> BoostedTrees(random_state=0).fit(codes, factor).score(codes, factor)
        1.0
    """

    def __init__(
        self,
        n_estimators=100,
        learning_rate=0.1,
        min_impurity=IMPURITY_TODAY,
        random_state=None,
        num_threads=None,
    ):
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.min_impurity = min_impurity
        self.random_state = random_state
        self.num_threads = num_threads

    def fit(self, X, y):  # noqa: N803, scikit-learn's name
        """Fits the trees.

        Args:
            X: [num_samples, num_features] array, finite; compared as float32.
            y: [num_samples] labels of at least two classes.

        Returns:
            The estimator.

        Raises:
            ValueError: The arrays do not fit each other, hold NaN or infinity, or y has
                a single class.
        """
        X, y = validation.check_X_y(X, y, dtype=np.float32)  # noqa: N806
        self.n_features_in_ = X.shape[1]
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("y has 1 class; a classifier needs 2 or more.")
        targets = labels[:, None] == np.arange(len(self.classes_))
        if len(self.classes_) == 2:
            targets = targets[:, 1:]
        targets = np.ascontiguousarray(targets.T, dtype=np.float64)
        self._prior = _prior(targets)
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        self._boost(np.ascontiguousarray(X), targets, seed)
        total = self._gains.sum()
        self.feature_importances_ = self._gains / (total if total > 0 else 1.0)
        return self

    def _boost(self, X, targets, seed):  # noqa: N803
        num_trees, num_samples = targets.shape
        sorted_features = _presort(X)
        shape = (self.n_estimators, num_trees)
        self.features_ = np.full((*shape, _NODES), -1, np.int32)
        self.thresholds_ = np.zeros((*shape, _NODES))
        self.values_ = np.zeros((*shape, _NODES + 1))
        gains = np.zeros((num_trees, self.n_features_in_))
        raw = np.repeat(self._prior[:, None], num_samples, axis=1)
        step = self.learning_rate * _newton_factor(num_trees)

        def grow(stage, tree, residual):
            number = (seed * self.n_estimators + stage) * num_trees + tree
            raw[tree] += _grow(
                *sorted_features,
                residual,
                self.min_impurity,
                step,
                np.uint64(number),
                self.features_[stage, tree],
                self.thresholds_[stage, tree],
                self.values_[stage, tree],
                gains[tree],
            )

        num_threads = min(self.num_threads or cpu_count(), num_trees)
        with concurrent.futures.ThreadPoolExecutor(num_threads) as pool:
            run = map if num_threads == 1 else pool.map
            for stage in range(self.n_estimators):
                residuals = targets - _probability(raw)
                list(run(grow, [stage] * num_trees, range(num_trees), residuals))
        self._gains = gains.sum(axis=0)

    def staged_decision_function(self, X):  # noqa: N803
        """Yields after each stage what `decision_function` returns after the last."""
        validation.check_is_fitted(self, "features_")
        X = validation.check_array(X, dtype=np.float32)  # noqa: N806
        if X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features, the trees know {self.n_features_in_}."
            )
        raw = np.repeat(self._prior[None], len(X), axis=0)
        for stage in zip(self.features_, self.thresholds_, self.values_):
            _add_stage(X, *stage, raw)
            yield raw[:, 0].copy() if raw.shape[1] == 1 else raw.copy()

    def decision_function(self, X):  # noqa: N803
        """Returns [num_samples, num_classes] log odds, [num_samples] for two classes.

        Raises:
            ValueError: X is no finite matrix of the features fitted on.
        """
        *_, last = self.staged_decision_function(X)
        return last

    def predict_proba(self, X):  # noqa: N803
        """Returns the classes' probabilities, [num_samples, num_classes]."""
        raw = self.decision_function(X)
        if raw.ndim == 1:
            positive = special.expit(raw)
            return np.stack([1.0 - positive, positive], axis=1)
        return special.softmax(raw, axis=1)

    def predict(self, X):  # noqa: N803
        """Returns the likeliest class of each row, [num_samples]."""
        raw = self.decision_function(X)
        if raw.ndim == 1:
            return self.classes_[(raw >= 0).astype(np.intp)]
        return self.classes_[np.argmax(raw, axis=1)]


def _presort(X):  # noqa: N803
    """Returns the features, as they come and sorted, and what the sorting did.

    Args:
        X: [num_samples, num_features] float32.

    Returns:
        columns and values, [num_features, num_samples], and order, int32 of that shape:
        the sample that a sorted value belongs to.
    """
    columns = np.ascontiguousarray(X.T)
    order = np.argsort(columns, axis=1, kind="stable").astype(np.int32)
    return columns, np.take_along_axis(columns, order, axis=1), order


def _newton_factor(num_trees):
    """Returns Friedman's factor of the leaves' values for several classes, else 1."""
    return 1.0 if num_trees == 1 else (num_trees - 1) / num_trees


def _prior(targets):
    """Returns what the trees start from: log odds, or log shares, of the classes."""
    share = targets.mean(axis=1)
    return special.logit(share) if len(share) == 1 else np.log(share)


def _probability(raw):
    """Returns the probability of each tree's class, [num_trees, num_samples]."""
    return special.expit(raw) if len(raw) == 1 else special.softmax(raw, axis=0)


@numba.njit(nogil=True, cache=True)
def _priority(seed, node, feature):
    """Returns a random number for each seed, node and feature (splitmix64)."""
    x = seed * np.uint64(0x9E3779B97F4A7C15)
    x += np.uint64(node * 4294967291 + feature + 1) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@numba.njit(nogil=True, cache=True)
def _grow(
    columns,
    values,
    order,
    residual,
    min_impurity,
    step,
    seed,
    feature,
    threshold,
    leaf_value,
    gain,
):
    """Grows a tree on [num_samples] residuals; returns what it adds to each sample.

    columns, values and order are those of `_presort`; feature, threshold, leaf_value
    and gain are written to.
    """
    num_features, num_samples = values.shape
    node = np.zeros(num_samples, np.int32)
    for level in range(_DEPTH + 1):
        width = 1 << level
        count, total = np.zeros(width), np.zeros(width)
        squares = np.zeros(width)
        for i in range(num_samples):
            k = node[i]
            if k >= 0:
                count[k] += 1.0
                total[k] += residual[i]
                squares[k] += residual[i] * residual[i]
        impurity = np.zeros(width)
        for k in range(width):
            if count[k] > 0.0:
                mean = total[k] / count[k]
                impurity[k] = squares[k] / count[k] - mean * mean
                if level > 0:
                    # What is left of the parent's impurity, which was added below.
                    parent = (width - 2 + k) // 2
                    gain[feature[parent]] -= impurity[k] * count[k] / num_samples
        if level == _DEPTH:
            break
        best = np.full(width, -1.0)
        best_feature = np.full(width, -1, np.int32)
        best_threshold = np.zeros(width)
        seen, left, last = np.zeros(width), np.zeros(width), np.zeros(width, np.float32)
        for f in range(num_features):
            seen[:] = 0.0
            left[:] = 0.0
            for j in range(num_samples):
                i = order[f, j]
                k = node[i]
                if k < 0:
                    continue
                value = values[f, j]
                n = seen[k]
                if n > 0.0 and value > last[k] + _SAME:
                    rest = count[k] - n
                    difference = rest * left[k] - n * (total[k] - left[k])
                    improvement = difference * difference / (n * rest)
                    if improvement >= best[k]:
                        heap = width - 1 + k
                        if improvement > best[k] or (
                            best_feature[k] != f
                            and _priority(seed, heap, f)
                            < _priority(seed, heap, best_feature[k])
                        ):
                            best[k] = improvement
                            best_feature[k] = f
                            best_threshold[k] = (
                                np.float64(last[k]) / 2.0 + np.float64(value) / 2.0
                            )
                left[k] += residual[i]
                seen[k] = n + 1.0
                last[k] = value
        for k in range(width):
            if impurity[k] > min_impurity and best_feature[k] >= 0:
                heap = width - 1 + k
                feature[heap] = best_feature[k]
                threshold[heap] = best_threshold[k]
                gain[best_feature[k]] += impurity[k] * count[k] / num_samples
            else:
                best_feature[k] = -1
        for i in range(num_samples):
            k = node[i]
            if k >= 0:
                f = best_feature[k]
                if f < 0:
                    node[i] = _leaf(level, k)
                else:
                    node[i] = 2 * k + (columns[f, i] > best_threshold[k])
    top, bottom = np.zeros(1 << _DEPTH), np.zeros(1 << _DEPTH)
    for i in range(num_samples):
        k = node[i] if node[i] >= 0 else -1 - node[i]
        size = abs(residual[i])
        top[k] += residual[i]
        bottom[k] += size * (1.0 - size)
    for k in range(1 << _DEPTH):
        if abs(bottom[k]) >= 1e-150:
            leaf_value[k] = step * (top[k] / bottom[k])
    added = np.empty(num_samples)
    for i in range(num_samples):
        added[i] = leaf_value[node[i] if node[i] >= 0 else -1 - node[i]]
    return added


@numba.njit(nogil=True, cache=True)
def _leaf(level, node):
    """Returns the number of a leaf above the last level: that of its leftmost heir.

    Such a sample is out of the search, which its sign says.
    """
    return -1 - (node << (_DEPTH - level))


@numba.njit(nogil=True, cache=True)
def _add_stage(X, feature, threshold, leaf_value, raw):  # noqa: N803
    """Adds the trees of a stage to raw, [num_samples, num_trees]."""
    for i in range(len(X)):
        for tree in range(raw.shape[1]):
            node, level = 0, 0
            while level < _DEPTH:
                f = feature[tree, (1 << level) - 1 + node]
                if f < 0:
                    break
                above = X[i, f] > threshold[tree, (1 << level) - 1 + node]
                node = 2 * node + above
                level += 1
            raw[i, tree] += leaf_value[tree, node << (_DEPTH - level)]
