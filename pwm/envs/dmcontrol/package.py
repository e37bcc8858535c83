"""The packages ``dm_control`` and ``mujoco``, an optional extra."""

from __future__ import annotations

import logging
import os
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

from pwm.errors import UserError

RENDERER = "MUJOCO_GL"
"""Environment variable: what both packages would draw with. Importing them fails where that is missing, and
physics needs none."""


def require() -> tuple[ModuleType, ModuleType]:
    """The modules ``dm_control`` and ``mujoco``, ready for physics without a renderer.

    Raises:
        UserError: they are not installed, or in versions that do not go together.
    """
    before = os.environ.get(RENDERER)
    os.environ[RENDERER] = "disable"
    try:
        found = version("mujoco")
        if int(found.split(".")[0]) >= 4:
            raise UserError(f"mujoco {found} is too new for dm_control 1.0: pip install 'mujoco>=3.17,<4'")
        logging.getLogger("absl").setLevel(logging.ERROR)  # what is deprecated in the suite's own models
        import_module("mujoco.batch")
        import_module("dm_control.suite")
        return import_module("dm_control"), import_module("mujoco")
    except (ImportError, PackageNotFoundError) as error:
        raise UserError(
            f"DMControl's tasks need dm_control and mujoco ({error}): pip install 'pwm[dmcontrol]', or in a "
            "checkout any `make` target"
        ) from error
    finally:
        if before is None:
            del os.environ[RENDERER]
        else:
            os.environ[RENDERER] = before
