"""Composes a run's configuration from ``configs/`` and key=value overrides.

The values live in ``configs/`` (Hydra), the types in :mod:`pwm.config.types`, the rules about
which values go together in :mod:`pwm.config.validate`. Whatever a user can get wrong comes back as
one line: a :class:`pwm.errors.UserError` that names the cause and the choices.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException, ValidationError

import pwm
from pwm.config.types import EnvConfig, TrainConfig
from pwm.config.validate import validate
from pwm.errors import UserError, choose_from

GROUPS = ("alg", "env", "size", "scale", "stage")
TYPES = {field.name: str(field.type) for field in fields(TrainConfig)}
ENV_TYPES = {f"env.{field.name}": str(field.type) for field in fields(EnvConfig)}
KEYS = (*TYPES, *ENV_TYPES)
ENV_OPTIONS = "env.options"
PATHS = ("run", "data", "world_model")
T = TypeVar("T")


def config_dir() -> Path:
    """The folder of YAML files: inside an installed package, else beside the package in a checkout."""
    package = Path(pwm.__file__).resolve().parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def choices(group: str) -> list[str]:
    """The names a config group offers, sorted: ``choices("env") == ["ant", "cartpole", …]``."""
    return sorted(path.stem for path in (config_dir() / group).glob("*.yaml"))


@lru_cache
def environments() -> tuple[str, ...]:
    """The names of single environments, sorted: of the files of group ``env``, where one lists tasks, of
    those."""
    names: set[str] = set()
    for name in choices("env"):
        content = cast(DictConfig, OmegaConf.load(config_dir() / "env" / f"{name}.yaml"))
        names.update(content.get("tasks", [content.get("name")]))
    return tuple(sorted(names))


def compose(overrides: list[str], config_name: str = "config") -> TrainConfig:
    """The resolved, typed and validated configuration of ``overrides``, for example
    ``["alg=st_flow_v2", "size=5M", "env.options.inertia=dflex"]``.

    Raises:
        UserError: an unknown key, an unknown choice, a wrong type or an impossible combination.
    """
    parsed = [_parse(text) for text in overrides]
    if not any(override.key_or_group == "alg" for override in parsed):
        raise UserError(f"no experiment named: give alg=<name>; choose one of {', '.join(choices('alg'))}")
    arguments = [_checked(override, text) for override, text in zip(parsed, overrides, strict=True)]
    arguments += _first_task(parsed)
    try:
        with initialize_config_dir(config_dir=str(config_dir()), version_base="1.3"):
            composed = hydra_compose(config_name=config_name, overrides=arguments)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(f"cannot compose {' '.join(overrides)}: {_one_line(error)}") from error
    return _typed(composed)


def given(overrides: list[str]) -> dict[str, Any]:
    """The keys that ``overrides`` name, with their values.

    Raises:
        UserError: one of them cannot be read.
    """
    return {override.key_or_group: override.value() for override in map(_parse, overrides)}


def to_yaml(config: TrainConfig) -> str:
    """``config`` as YAML, keys in the order of :class:`TrainConfig`; :func:`from_yaml` reads it back."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def from_yaml(text: str) -> TrainConfig:
    """The configuration that :func:`to_yaml` wrote.

    Raises:
        UserError: not YAML, a missing or unknown key, a wrong type or an impossible combination.
    """
    try:
        loaded = OmegaConf.create(text)
    except Exception as error:  # whatever a damaged file is to YAML and OmegaConf
        raise UserError(f"not a configuration: {_one_line(error)}") from error
    return _typed(loaded)


def from_keys(kind: type[T], overrides: list[str]) -> T:
    """A command's own settings: a dataclass ``kind`` of the values that ``overrides`` name.

    Raises:
        UserError: an unknown or missing key, or a value of another type.
    """
    known = {field.name: str(field.type) for field in fields(kind)}  # type: ignore[arg-type]
    given: dict[str, Any] = {}
    for override in map(_parse, overrides):
        key = override.key_or_group
        if key not in known:
            raise choose_from("key", key, known)
        given[key] = override.value()
    try:
        merged = OmegaConf.merge(OmegaConf.structured(kind), given)
        return cast(T, OmegaConf.to_object(merged))
    except MissingMandatoryValue as error:
        key = str(error.full_key)
        raise UserError(f"{key}=… is missing: expected {known.get(key, 'a value')}") from error
    except ValidationError as error:
        key = re.split(r"[.\[]", str(error.full_key))[0]
        raise UserError(f"{key}={given[key]}: expected {known[key]}") from error


def _parse(text: str) -> Override:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UserError(f"expected key=value, got {text!r}")
    if key in PATHS and not value.startswith(("'", '"')):  # a path may hold any character
        text = f"{key}='{_escaped(os.path.expanduser(value))}'"
    try:
        return OverridesParser.create().parse_override(text)
    except (OverrideParseException, HydraException) as error:
        quoted = f"; a value with such signs goes in quotes: \"{key}='…'\"" if key not in PATHS else ""
        raise UserError(f"cannot read {text!r}: {_one_line(error)}{quoted}") from error


def _escaped(text: str) -> str:
    """``text`` between the single quotes of Hydra's grammar, where backslashes before a quote are doubled."""
    return re.sub(
        r"(\\*)(?:'|$)", lambda found: 2 * found[1] + ("\\'" if found[0].endswith("'") else ""), text
    )


def _checked(override: Override, text: str) -> str:
    """The override in Hydra's form, once its key, its group choice and its shape are known to be right."""
    key = override.key_or_group
    if override.type != OverrideType.CHANGE or override.package is not None:
        raise UserError(f"cannot apply {text!r}: only plain key=value is understood")
    if override.is_sweep_override():
        raise UserError(f"{text!r} names several values: start one run for each, or write [a,b] for a list")
    if key in GROUPS:
        value = override.value()
        known = choices(key)
        if key == "env" and value not in known:
            known += environments()
            if value in known:
                return f"env.name={value}"
        if value not in known:
            raise choose_from(key, getattr(value, "text", value), set(known))
    elif key == ENV_OPTIONS and not isinstance(override.value(), dict):
        raise UserError(f"{text!r}: expected an option, like {ENV_OPTIONS}.episode_length=500")
    elif key == ENV_OPTIONS or key.startswith(f"{ENV_OPTIONS}."):
        return f"++{override.input_line}"  # env.make checks the option's name
    elif key not in KEYS:
        raise _unknown_key(key)
    return cast(str, override.input_line)


def _first_task(overrides: list[Override]) -> list[str]:
    """Where ``tasks`` are named and no environment is, the first of them is ``env``."""
    given = {override.key_or_group: override for override in overrides}
    tasks = given["tasks"].value() if "tasks" in given else None
    if not isinstance(tasks, list) or not tasks or {"env", "env.name"} & given.keys():
        return []
    return [f"env.name='{_escaped(str(tasks[0]))}'"]


def _unknown_key(key: str) -> UserError:
    near = difflib.get_close_matches(key, KEYS + GROUPS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return UserError(f"unknown key {key!r}; {hint}`pwm train alg=<name> --cfg job` lists every key")


def _typed(loaded: Any) -> TrainConfig:
    if not isinstance(loaded, DictConfig):
        raise UserError("not a configuration: expected keys and values")
    unknown = [str(key) for key in loaded if key not in TYPES]
    if unknown:
        raise _unknown_key(unknown[0])
    for key, expected in TYPES.items():  # a number would pass for a truth value
        if expected == "bool" and key in loaded and not isinstance(loaded[key], bool):
            raise _wrong_type(key, loaded)
    try:
        merged = OmegaConf.merge(OmegaConf.structured(TrainConfig), loaded)
        config = cast(TrainConfig, OmegaConf.to_object(merged))
    except MissingMandatoryValue as error:
        raise UserError(f"incomplete configuration: {_one_line(error)}") from error
    except ValidationError as error:
        raise _wrong_type(str(error.full_key), loaded) from error
    except OmegaConfBaseException as error:
        raise UserError(f"{error.full_key or 'configuration'}: {_one_line(error)}") from error
    validate(config, environments())
    return config


def _wrong_type(full_key: str, loaded: DictConfig) -> UserError:
    key = re.split(r"[.\[]", full_key)[0]
    expected = ENV_TYPES.get(full_key, TYPES[key])
    return UserError(f"{full_key}={OmegaConf.select(loaded, full_key)}: expected {expected}")


def _one_line(error: BaseException) -> str:
    """The first line of a message, without the dump of configuration objects that may follow."""
    while not str(error) and error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
