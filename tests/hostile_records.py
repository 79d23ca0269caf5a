# SPDX-License-Identifier: Apache-2.0
"""Evaluations that no honest program writes, for whoever reads evaluations."""

import json

HONEST = {
    "train_config.model.model": "@vae()",
    "train_config.vae.beta": "4.0",
    "train_config.dataset.name": "'cars3d'",
    "train_config.model.random_seed": "3",
    "train_results.loss": 100.0,
    "postprocess_config.postprocess.name": "'mean'",
    "evaluation_config.evaluation.name": "'mig'",
    "evaluation_config.mig.num_train": "10000",
    "evaluation_results.discrete_mig": 0.1,
}
_HUGE = "1" + "0" * 400


def _changed(**changes):
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return json.dumps({**HONEST, **named}).encode()


def _with(text):
    """Adds JSON that json.dumps would not write."""
    return json.dumps(HONEST)[:-1].encode() + b", " + text + b"}"


def _nested(depth):
    return _with(b'"evaluation_results.x": ' + b"[" * depth + b"]" * depth)


# What is wrong -> (the file, words of the reason).
FILES = {
    "endless signs": (
        _changed(train_config__a__b="-" * 20000 + "1"),
        "20001 characters",
    ),
    "a list as a binding": (
        _changed(evaluation_config__mig__num_train=[1]),
        "mig.num_train is a list",
    ),
    "an object as a binding": (_changed(train_config__vae__beta={}), "is a dict"),
    "infinite seed": (_with(b'"train_config.model.random_seed": Infinity'), "twice"),
    "infinite batch": (
        _with(b'"train_config.model.batch_size": Infinity'),
        "has inf as batch_size",
    ),
    "a surrogate in a binding": (
        _changed(train_config__a__b="'\ud800'"),
        r"character '\ud800'",
    ),
    "a surrogate in source": (
        _changed(train_config__a__b="'\\ud800'"),
        r"character '\ud800'",
    ),
    "a surrogate in a name": (
        _changed(**{"evaluation_results.\udfff": 1}),
        r"character '\udfff'",
    ),
    "a surrogate in the name of a part": (
        _changed(evaluation_results__x={"\udfff": 1}),
        r"character '\udfff'",
    ),
    "a row of its own": (_changed(train_config__a__b="x\rown"), r"character '\r'"),
    "nested without end": (_nested(100_000), "nested too deeply"),
    "nested deeply": (_nested(300), "nested more than 10 deep"),
    "a million digits": (
        _with(b'"evaluation_results.x": ' + b"1" * 1_000_000),
        "number of 1000000 digits",
    ),
    "a million digits in a part": (
        _with(b'"evaluation_results.x": [' + b"1" * 1_000_000 + b"]"),
        "number of 1000000 digits",
    ),
    "a million digits as a binding": (
        _with(b'"train_config.a.b": -' + b"1" * 1_000_000),
        "number of 1000001 digits",
    ),
    "a million digits in source": (
        _changed(train_config__a__b="1" * 1_000_000),
        "1000000 characters",
    ),
    "a score beyond float64": (
        _with(b'"evaluation_results.x": 1e400'),
        "has the number 1e400",
    ),
    "a whole score beyond float64": (
        _changed(evaluation_results__x=10**399),
        "x has a number too large",
    ),
    "a strength beyond float64": (
        _changed(train_config__vae__beta=_HUGE),
        "as strength, no such number",
    ),
    "a binding beyond float64": (
        _changed(train_config__a__b=_HUGE),
        "as train_config.a.b, no such number",
    ),
    "a setting beyond float64": (
        _changed(evaluation_config__mig__num_train=10**399),
        "num_train has a number too large",
    ),
    "a truth as a seed": (
        _changed(train_config__model__random_seed="True"),
        "has True as seed",
    ),
    "text as a strength": (
        _changed(train_config__vae__beta="'much'"),
        "has 'much' as strength",
    ),
    "a key twice": (_with(b'"train_config.vae.beta": "16.0"'), "vae.beta' twice"),
    "a key twice in a part": (
        _with(b'"evaluation_results.x": {"a": 1, "a": 2}'),
        "key 'a' twice",
    ),
    "too many numbers": (
        _changed(evaluation_results__x=[0] * 20_001),
        "more than 20000 numbers",
    ),
    "too many bindings": (
        _changed(**{f"train_config.a{i}.b": "1" for i in range(600)}),
        "has 607 bindings",
    ),
    "a long name of many numbers": (
        _changed(evaluation_results__x={"k" * 10**6: [0] * 10**4}),
        "1000000 characters",
    ),
    "a list": (b"[1, 2]", "holds a list"),
    "a number": (b"3", "holds a int"),
    "nothing": (b"", "is no JSON"),
    "half": (_changed()[:50], "is no JSON"),
    "no UTF-8": (b'{"\xff\xff": 1}', "is no JSON"),
}
