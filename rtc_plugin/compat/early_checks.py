# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a command line of the library, said before TensorFlow is loaded.

The library's commands find a misspelt binding, a missing file or an output folder that
exists after ten seconds of imports, some of them after minutes of work. Here the gin
files are parsed, which takes no configurable, and held against `configurables.json`:
what can be configured in the library, in this plugin and in TensorFlow as gin knows it.
A file that imports a module of the user's own may configure anything, so that names are
left to gin itself then.
"""

import difflib
import glob
import json
import os
from typing import Any, NamedTuple

from rtc_plugin import extensions
from rtc_plugin.compat import binding_values, evaluation, gin_config, outputs
from rtc_plugin.errors import UserError
from rtc_plugin.files import check_free
from rtc_plugin.training import unfinished

TABLE = os.path.join(os.path.dirname(__file__), "configurables.json")
# Command -> its output folder, and its input folder with the command that makes it.
COMMANDS = {
    "dlib_train": ("model_dir", None),
    "dlib_postprocess": ("output_dir", ("model_dir", "dlib_train")),
    "dlib_evaluate": ("output_dir", ("input_dir", "dlib_postprocess")),
}
_KNOWN_PACKAGES = ("disentanglement_lib", "rtc_plugin", "tensorflow", "gin")
# With one of these flags the command itself has to say what is wrong.
_NOT_NOW = {"help", "helpfull", "helpshort", "flagfile", "gin_file_name", "debug"}
# No flag's name.
_STRAY = ""
# Any argument may be bound: the function takes keywords.
ANY = "**"


def check(arguments):
    """Checks the command line of this process if it is one of `COMMANDS`.

    Args:
        arguments: `sys.argv`.

    Raises:
        UserError: What is wrong and what to do.
        SyntaxError: A gin file or binding cannot be parsed.
    """
    command = os.path.basename(arguments[0] if arguments else "")
    if command not in COMMANDS:
        return
    flags = parse_flags(arguments[1:])
    if _NOT_NOW & set(flags):
        return
    for word in flags.get(_STRAY, []):
        # The library would go on without it.
        raise UserError(
            f"{word} belongs to no flag; quote values with spaces in them, and give a "
            "flag once for each of its values."
        )
    bindings = read_bindings(flags.get("gin_config", []), flags.get("gin_bindings", []))
    check_data(bindings)
    output, needed = COMMANDS[command]
    overwrite = flags.get("overwrite", ["false"])[-1].lower() in ("true", "t", "1")
    if needed is not None:
        flag, maker = needed
        folder = flags.get(flag, [None])[-1]
        outputs.check_step(folder, f"--{flag}", maker)
        evaluation.check_applies(bindings.get("applies_to.representations"), folder)
    folder = flags.get(output, [None])[-1]
    pattern = flags.get("gin_evaluation_config_glob", [None])[-1]
    if command == "dlib_train":
        unfinished.check_free(folder, overwrite)
    elif pattern is not None and folder:
        # The folder is one for each file in it, and may be there already.
        for path in _matching(pattern):
            check_data(read_bindings([path], []))
            name = os.path.basename(path).replace(".gin", "")
            check_free(f"--{output}", os.path.join(folder, name), overwrite)
    else:
        check_free(f"--{output}", folder, overwrite)


def _matching(pattern):
    paths = sorted(glob.glob(pattern))
    if not paths and "://" not in pattern:
        raise UserError(
            f"--gin_evaluation_config_glob={pattern} matches no file; give a pattern "
            "such as 'metrics/*.gin', in quotes."
        )
    return paths


def parse_flags(arguments):
    """Returns {name: [values]} of a command line as absl reads it.

    Words that belong to no flag are the values of `_STRAY`.
    """
    flags, arguments = {}, list(arguments)
    while arguments:
        word = arguments.pop(0)
        if word == "--":
            break
        if not word.startswith("-"):
            flags.setdefault(_STRAY, []).append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        is_switch = name in ("overwrite", "nooverwrite", "debug", "nodebug") or (
            name.startswith("help")
        )
        if not equals:
            value = "true" if is_switch or not arguments else arguments.pop(0)
        if name == "nooverwrite":
            name, value = "overwrite", "false"
        flags.setdefault(name, []).append(value)
    return flags


def read_bindings(config_files, lines):
    """Parses gin files and bindings, and checks the names in them.

    Args:
        config_files: Paths as the flag --gin_config has them.
        lines: Bindings as the flag --gin_bindings has them.

    Returns:
        Dictionary of the values of all unscoped bindings, by 'configurable.parameter';
        the last one counts.

    Raises:
        UserError: A file is missing, a name is not known, or a value cannot work.
        SyntaxError: As gin raises it.
    """
    statements = []
    for name in config_files:
        statements += _parse_file(name, [])
    statements += _parse("\n".join(lines), "--gin_bindings", [])
    names = _Names(statements)
    values = {}
    for statement in statements:
        names.check(statement)
        if isinstance(statement, _Binding):
            binding_values.check(statement.where, statement.name, statement.value)
        if isinstance(statement, _Binding) and not statement.scope:
            values[statement.name] = statement.value
    return values


def check_data(bindings):
    """Raises a `UserError` if a data set is not known or lacks its files.

    Args:
        bindings: Dictionary that has its name as 'dataset.name'.
    """
    from rtc_plugin.data.ground_truth import named_data

    name, path = (bindings.get(key) for key in ("dataset.name", "file_data.path"))
    if not isinstance(name, str) or name in ("auto", "dummy_data"):
        return
    named_data.check_name(name)
    if named_data.files_of(name):
        named_data.describe(name).find_files()
    if name == "file_data" and not (isinstance(path, str) and os.path.exists(path)):
        raise UserError(
            f"file_data.path = {path!r} is no file or folder; dataset.name = "
            "'file_data' needs one."
        )


class _Binding(NamedTuple):
    where: str
    scope: str
    selector: str
    parameter: str
    value: Any

    @property
    def name(self):
        return f"{self.selector}.{self.parameter}"


class _Reference(NamedTuple):
    where: str
    selector: str


class _Import(NamedTuple):
    module: str


def _parse_file(name, including):
    with gin_config.named_faults(name, including):
        path = gin_config.locate(name, including)
        if path is None:
            # Only gin's own readers can tell what is in it.
            return [_Import(name)]
        with open(path, encoding="utf-8") as file:
            return _parse(file.read(), name, [*including, path])


def _parse(text, where, including):
    """Returns the statements of a text, those of included files in their place."""
    from gin import config_parser

    found = []

    class Delegate(config_parser.ParserDelegate):
        def configurable_reference(self, scoped_configurable_name, evaluate):
            selector = scoped_configurable_name.rpartition("/")[2]
            found.append(_Reference(where, selector))
            return binding_values.REFERENCE

        def macro(self, macro_name):
            return binding_values.REFERENCE

    try:
        for statement in config_parser.ConfigParser(text, Delegate()):
            if isinstance(statement, config_parser.IncludeStatement):
                found += _parse_file(statement.filename, including)
            elif isinstance(statement, config_parser.ImportStatement):
                found.append(_Import(statement.module))
            elif isinstance(statement, config_parser.BindingStatement):
                found.append(_Binding(where, *statement[:4]))
    except SyntaxError as error:
        error.filename = error.filename or where
        raise
    return found


class _Names:
    """What can be configured, for statements that import nothing else."""

    def __init__(self, statements):
        imported = [s.module for s in statements if isinstance(s, _Import)]
        self._leaves_it_to_gin = any(
            module.partition(".")[0] not in _KNOWN_PACKAGES for module in imported
        )
        with open(TABLE) as file:
            table = json.load(file)
        # By every ending of the full name, as gin finds them.
        self._parameters = {}
        for full, parameters in table.items():
            parts = full.split(".")
            for i in range(len(parts)):
                known = self._parameters.setdefault(".".join(parts[i:]), set())
                known.update(parameters)

    def check(self, statement):
        """Raises a `UserError` if a statement names what is not there."""
        if self._leaves_it_to_gin or isinstance(statement, _Import):
            return
        if isinstance(statement, _Reference):
            shown = f"@{statement.selector}"
            self._known(shown, statement.selector, statement.where)
        elif statement.parameter and statement.selector not in ("macro", "gin.macro"):
            known = self._known(statement.name, statement.selector, statement.where)
            if ANY not in known and statement.parameter not in known:
                near = difflib.get_close_matches(statement.parameter, known, n=1)
                hint = (
                    f"did you mean {statement.selector}.{near[0]}?"
                    if near
                    else (f"it has: {', '.join(sorted(known))}.")
                )
                raise UserError(
                    f"{statement.where}: {statement.name}: {statement.selector} has no "
                    f"parameter {statement.parameter}; {hint}"
                )

    def _known(self, shown, selector, where):
        if selector in self._parameters:
            return self._parameters[selector]
        if extensions.find(extensions.METHODS) or extensions.find(extensions.MEASURES):
            return {ANY}  # It may be of another package, which is not imported here.
        short = [name for name in self._parameters if "." not in name]
        near = difflib.get_close_matches(selector, short, n=1)
        hint = f"did you mean {near[0]}?" if near else "check its spelling."
        raise UserError(
            f"{where}: {shown}: there is no configurable {selector}; {hint}"
        )
