"""Parsing a command's flags."""

from __future__ import annotations

import argparse
from typing import NoReturn

from pwm.errors import UserError


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line, like every other mistake's."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see `{self.prog} --help`")
