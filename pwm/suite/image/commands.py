"""``pwm image <command>``."""

from __future__ import annotations

from pwm.errors import choose_from
from pwm.suite.image import build, sif, verify

COMMANDS = {
    "build": (build.run, "build the image of this checkout with Docker"),
    "sif": (sif.run, "turn it into a SIF for Apptainer"),
    "inspect": (verify.inspect, "what an image says of itself"),
    "verify": (verify.verify, "whether an image was built from this checkout, and what differs"),
}


def run(argv: list[str]) -> int:
    """Call the command that ``argv`` names.

    Raises:
        UserError: it is unknown, or fails.
    """
    if not argv or argv[0] in ("-h", "--help"):
        for name, (_, summary) in COMMANDS.items():
            print(f"pwm image {name:<8} {summary}")
        return 0
    if argv[0] not in COMMANDS:
        raise choose_from("image command", argv[0], COMMANDS)
    function, _ = COMMANDS[argv[0]]
    return function(argv[1:])
