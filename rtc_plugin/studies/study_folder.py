# SPDX-License-Identifier: Apache-2.0
"""The folder of a study: what is run in it, and how far each model is.

study.json             which study this is, and what its trainings have been given
<model_num>/           one model, laid out as by `dlib_reproduce`
    status.json        what its process last said
    log.txt            what its process printed
    lock               held by the process that works on it, until it ends
"""

import datetime
import hashlib
import importlib
import json
import os
import shlex
import socket
import sys

from rtc_plugin import configs, runs
from rtc_plugin.errors import UserError
from rtc_plugin.files import is_locked, whole_file
from rtc_plugin.results import models as models_lib
from rtc_plugin.results import records
from rtc_plugin.studies import model_steps

STATUS_FILE = "status.json"
LOG_FILE = "log.txt"
DONE, RUNNING, FAILED, UNFINISHED, WAITING = (
    "done",
    "running",
    "failed",
    "unfinished",
    "waiting",
)


class StudyFolder:
    """A study's folder, whose `study.json` is there.

    Args:
        root: Path of the folder.
        named: Study that the user has named. A folder may come from anyone, so that its
            own word runs no code: without this, its study must be a known one.

    Attributes:
        root: Its absolute path.
        settings: Dictionary that `study.json` holds.
        study: `Study` of the library.

    Raises:
        UserError: If the folder holds no study, another one than is named, or one that
            is a program and not named.
    """

    def __init__(self, root, named=None):
        self.root = os.path.abspath(root)
        self.settings = read_settings(root)
        if self.settings is None:
            raise UserError(
                f"--root={root} holds no {runs.STUDY_FILE}; give a folder that "
                "`rtc study run` has made."
            )
        study = self.settings["study"]
        if named not in (None, study):
            raise UserError(
                f"--root={root} holds the study {_short(study)}, not --study={named}."
            )
        if named is None and ":" in study and not study.startswith("rtc_plugin."):
            raise UserError(
                f"--root={root} names {_short(study)} as its study, which is a "
                f"program; add --study={shlex.quote(study)} to run it, if you "
                "trust where the folder comes from."
            )
        self.study = load_study(study)

    def model_folder(self, model_num):
        """Returns the folder of a model."""
        return os.path.join(self.root, str(model_num))

    def steps(self, model_num):
        """Returns the steps of a model, see `model_steps.plan`."""
        return model_steps.plan(
            self.study,
            model_num,
            self.model_folder(model_num),
            self.settings["bindings"],
            self.settings["evaluation_bindings"],
        )

    def state(self, model_num):
        """Returns how far a model is.

        Returns:
            Tuple of DONE, RUNNING, FAILED, UNFINISHED (begun, and nobody works on it)
            or WAITING, and one line that says more.
        """
        folder = self.model_folder(model_num)
        if not os.path.isdir(folder):
            return WAITING, ""
        status = read_status(folder)
        if is_locked(folder):
            return RUNNING, f"{status.get('step', 'starting')}, {who(status)}"
        missing = [step.name for step in self.steps(model_num) if not step.is_done()]
        if not missing:
            return DONE, ""
        if status.get("state") == FAILED:
            return FAILED, status.get("error", "")
        return UNFINISHED, f"{missing[0]} is next"


def open_study(
    study,
    root=None,
    bindings=(),
    evaluation_bindings=(),
    origin="own",
    accept_other_version=False,
):
    """Makes the folder of a study, or opens it.

    Args:
        study: Name of a study, 'module:Class', or a `Study` of the library.
        root: Path of the folder, `output/<study>` if None.
        bindings: gin bindings of training, after those of the study.
        evaluation_bindings: gin bindings of each evaluation, likewise.
        origin: Mark for the column `origin` of the results table.
        accept_other_version: Whether to go on in a folder that another version of the
            plugin or of the study's files has begun.

    Returns:
        `StudyFolder`.

    Raises:
        UserError: If the folder belongs to another study, was begun with other
            bindings or another version, or cannot be written to.
    """
    import rtc_plugin

    name = study_name(study)
    root = root or os.path.join("output", name.rpartition(":")[2])
    settings = {
        "study": name,
        "origin": origin,
        "bindings": list(bindings),
        "evaluation_bindings": list(evaluation_bindings),
        "plugin_version": rtc_plugin.__version__,
        "definition": fingerprint(load_study(name)),
    }
    found = read_settings(root)
    if found is None:
        _check_models(root, load_study(name))
        try:
            _write_json(os.path.join(root, runs.STUDY_FILE), settings)
        except OSError as error:
            raise UserError(
                f"--root={root} cannot be written to ({error.strerror}); give another."
            ) from error
        return StudyFolder(root, name)
    remedies = dict.fromkeys(settings, "give another --root")
    remedies["plugin_version"] = remedies["definition"] = (
        "give another --root, or --accept_other_version to go on all the same"
    )
    for key, remedy in remedies.items():
        may_differ = accept_other_version and key in ("plugin_version", "definition")
        if found.get(key) != settings[key] and not may_differ:
            raise UserError(
                f"--root={root} was begun with {key} = {_short(found.get(key))}, not "
                f"{_short(settings[key])}; {remedy}."
            )
    return StudyFolder(root, name)


def study_name(study):
    """Returns the name under which `load_study` finds a study."""
    if isinstance(study, str):
        return study
    from disentanglement_lib.config import reproduce

    for name, known in reproduce.STUDIES.items():
        if known is study:
            return name
    return f"{type(study).__module__}:{type(study).__qualname__}"


def load_study(name):
    """Returns a study.

    Args:
        name: A name that `dlib_reproduce` knows, or 'module:Class' of a `Study` that is
            made without arguments.

    Raises:
        UserError: If there is no such study.
    """
    from disentanglement_lib.config import reproduce

    if ":" not in name:
        return reproduce.STUDIES[name]
    module, _, attribute = name.partition(":")
    try:
        study = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"--study={name} cannot be imported ({error}).") from error
    if not isinstance(study, type) or not hasattr(study, "get_model_config"):
        raise UserError(f"--study={name} is no class like the library's Study.")
    return study()


def list_models(study):
    """Returns what a study varies.

    Args:
        study: `Study` of the library.

    Returns:
        List with one dictionary per model: its bindings, and under 'model', 'dataset',
        'seed' and 'strength' the values of those that set them.
    """
    get_config = _get_config(study)
    # A study without it has one model.
    return [_describe(bindings) for bindings in (get_config() if get_config else [{}])]


def _describe(bindings):
    model = bindings.get("model.name", "")
    names = {
        "model": model,
        "dataset": bindings.get("dataset.name", ""),
        "strength": bindings.get(models_lib.strength_name(model), ""),
        "seed": bindings.get("model.random_seed", ""),
    }
    return {**names, **bindings}


def fingerprint(study):
    """Returns a short text that changes with the study's bindings and gin files."""
    get_config = _get_config(study)
    parts = [repr(get_config()) if get_config else ""]
    files = [
        study.get_model_config(0)[1],
        *sorted(study.get_postprocess_config_files()),
        *sorted(study.get_eval_config_files()),
    ]
    for path in files:
        parts += [os.path.basename(path), configs.read(path)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _get_config(study):
    """Returns the function that lists the bindings, which lies beside the class."""
    for kind in type(study).__mro__:
        get_config = getattr(sys.modules[kind.__module__], "get_config", None)
        if get_config is not None:
            return get_config
    return None


def read_settings(root):
    """Returns what `study.json` in a folder holds, None if there is none."""
    path = os.path.join(root, runs.STUDY_FILE)
    try:
        settings = records.load_file(path)
        for name in ("bindings", "evaluation_bindings"):
            bindings = settings.setdefault(name, [])
            if not isinstance(bindings, list) or not all(
                isinstance(binding, str) for binding in bindings
            ):
                raise UserError(f"has {bindings!r:.40} as {name}, no list of texts.")
        study = settings.get("study")
        if not isinstance(study, str) or not study.isprintable():
            raise UserError(f"has {study!r:.40} as study, no name.")
        return settings
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UserError as error:
        reason = str(error).rstrip(".")
        raise UserError(f"{path} {reason}; give another --root.") from error


def _check_models(root, study):
    """Refuses a folder, without `study.json`, whose models are not the study's."""
    for num in range(len(list_models(study))):
        there = runs.read_gin(os.path.join(root, str(num), "model"), "train")
        if not there:
            # A study may refuse a model that nobody has asked for.
            continue
        bindings, _ = study.get_model_config(num)
        for name, _, value in (binding.partition(" = ") for binding in bindings):
            if there.get(name, value) != value:
                raise UserError(
                    f"--root={root} holds another study: its model {num} has {name} = "
                    f"{there[name]}, not {value}; give another --root."
                )


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def read_status(model_folder):
    """Returns what `status.json` of a model holds, {} if there is none."""
    try:
        with open(os.path.join(model_folder, STATUS_FILE)) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def write_status(model_folder, **values):
    """Writes `status.json` of a model, with the time and the process."""
    status = {
        **values,
        "time": datetime.datetime.now().isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }
    _write_json(os.path.join(model_folder, STATUS_FILE), status)


def _write_json(path, values):
    with whole_file(path) as partial, open(partial, "w") as file:
        json.dump(values, file, indent=2)


def who(status):
    """Says which process wrote a status."""
    return f"process {status.get('pid', '?')} on {status.get('host', '?')}"
