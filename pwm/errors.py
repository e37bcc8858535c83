"""Errors whose message is meant for the user: one line, the cause and the remedy."""

from __future__ import annotations

from collections.abc import Iterable


class UserError(Exception):
    """A mistake or a circumstance the user can mend.

    ``str(error)`` is one line that names the cause and the way out. The command line prints it
    without a traceback and exits with :attr:`exit_code`.
    """

    exit_code = 2


def choose_from(kind: str, name: object, choices: Iterable[object]) -> UserError:
    """The error for an unknown name: ``unknown alg 'mt_flow_v9'; choose one of …``."""
    listed = ", ".join(sorted(str(choice) for choice in choices))
    return UserError(f"unknown {kind} {str(name)!r}; choose one of {listed}")
