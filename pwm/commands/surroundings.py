"""What the shell that starts a run may not do to it.

Launchers tell the processes they start by environment variables who they are. Left over in a shell, or half
set by another launcher, the same variables would make a run wait for peers that never come.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from typing import NamedTuple

from pwm.errors import UserError

STARTED = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
"""What `accelerate launch` and `torchrun` tell every process that they start."""
MEETING = ("MASTER_ADDR", "MASTER_PORT")
"""Where these meet; also what a batch script on several nodes sets."""
MPI = (
    *("PMI_SIZE", "PMI_RANK", "MPI_LOCALRANKID"),
    *("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK"),
    *("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_LOCAL_RANK"),
)
"""What MPI tells its processes, and accelerate would believe."""
TF32 = {"NVIDIA_TF32_OVERRIDE": ("0",), "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": ("0", "1")}
"""Variables that say with what precision is computed, whatever the configuration says, and the values that
do."""


class Nodes(NamedTuple):
    """Where a launcher stands among those of the job."""

    number: int = 1
    rank: int = 0
    address: str | None = None
    port: int = 0  # a free one

    @classmethod
    def of_slurm(cls) -> Nodes:
        """As Slurm and the batch script say; one node where they say nothing.

        Raises:
            UserError: they say it by half.
        """
        address = os.environ.get("MASTER_ADDR")
        if not address or "SLURM_NNODES" not in os.environ:
            return cls()
        number = _whole(os.environ, "SLURM_NNODES", least=1)
        if number == 1:
            return cls()
        rank, port = _whole(os.environ, "SLURM_NODEID"), _whole(os.environ, "MASTER_PORT", least=1)
        if rank >= number:
            raise _wrong("SLURM_NODEID", f"expected less than SLURM_NNODES={number}")
        return cls(number, rank, address, port)


def processes() -> int:
    """How many processes the launcher started of which this is one; 1 where this was started by itself.

    Raises:
        UserError: the environment says so by half, or that MPI started it.
    """
    given = [name for name in STARTED if name in os.environ]
    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"}
    if len(given) < len(STARTED) and all(os.environ[name] == alone[name] for name in given):
        for name in given:
            del os.environ[name]
        given = []
    number = 1
    if given:
        missing = [name for name in (*STARTED, *MEETING) if not os.environ.get(name)]
        if missing:
            given = [name for name in given if name not in missing] or given[:1]
            raise _wrong(given[0], f"but {' and '.join(missing)} not: nobody started this process")
        number = _whole(os.environ, "WORLD_SIZE", least=1)
        for name in ("RANK", "LOCAL_RANK"):
            if _whole(os.environ, name) >= number:
                raise _wrong(name, f"expected less than WORLD_SIZE={number}")
        _whole(os.environ, "MASTER_PORT", least=1)
    for name in MPI:
        several = name.endswith("SIZE") and name in os.environ and _whole(os.environ, name) > 1
        if several and number == 1 and Nodes.of_slurm().number == 1:
            raise _wrong(name, "MPI starts no training: start it once, with num_processes=<number>")
    return number


def check_numerics(tf32: bool) -> None:
    """See that nothing contradicts the configuration's ``tf32``.

    Raises:
        UserError: a variable does.
    """
    for name, effective in TF32.items():
        value = os.environ.get(name)
        if value in effective and (value == "1") != tf32:
            said, other = str(tf32).lower(), str(not tf32).lower()
            raise _wrong(name, f"which contradicts tf32={said}: say tf32={other} or unset it")


def forget_launchers(environment: MutableMapping[str, str]) -> None:
    """Leave nothing in ``environment`` of who started this process."""
    for name in (*STARTED, *MPI):
        environment.pop(name, None)


def _whole(environment: Mapping[str, str], name: str, least: int = 0) -> int:
    text = environment.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < least:
        raise _wrong(name, f"expected a whole number of at least {least}")
    return int(text)


def _wrong(name: str, what: str) -> UserError:
    return UserError(
        f"the environment variable {name} is {os.environ[name]!r}, {what}; `unset {name}`"
        if name in os.environ
        else f"the environment variable {name} is not set, {what}"
    )
