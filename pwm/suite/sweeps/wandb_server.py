"""Whether Weights & Biases is in reach."""

from __future__ import annotations

import os

from pwm.errors import UserError


def log_in() -> bool:
    """Whether there is a key for W&B (``WANDB_API_KEY`` or netrc), which its server then has accepted.

    Raises:
        UserError: the server does not answer, or refuses the key.
    """
    mode = os.environ.get("WANDB_MODE", "online")
    if mode not in ("online", "shared"):
        raise UserError(
            f"the environment variable WANDB_MODE={mode} keeps W&B out of reach; `unset WANDB_MODE`"
        )
    import wandb

    try:
        return wandb.login(prompt=False)
    except Exception as error:  # whatever W&B raises
        reason = " ".join(str(error).split())
        raise UserError(f"W&B is out of reach or refuses the key: {reason}") from error
