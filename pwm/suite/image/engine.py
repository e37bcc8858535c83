"""Docker, spoken to through its API."""

from __future__ import annotations

import collections
import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from pwm.errors import UserError

INSTALL = "install it (Debian: apt-get install docker.io) and start it (systemctl start docker)"


@contextlib.contextmanager
def client() -> Iterator[Any]:
    """A connection to the Docker engine.

    Raises:
        UserError: docker-py is not installed, or no engine answers; inside, an engine's complaint.
    """
    try:
        import docker
        from docker.errors import DockerException
        from requests.exceptions import RequestException
    except ImportError as error:
        raise UserError(f"needs the Python package docker: `make` installs it ({error})") from error
    try:
        connection = docker.from_env(timeout=3600)
        connection.ping()
    except (DockerException, RequestException, OSError) as error:
        raise UserError(f"no Docker engine answers here; {INSTALL}, or set DOCKER_HOST") from error
    try:
        yield connection
    except (DockerException, RequestException) as error:
        raise UserError(f"Docker: {' '.join(str(error).split())}") from error
    finally:
        connection.close()


def base_digest(connection: Any, name: str) -> str:
    """``name`` with the digest of what it means here, pulled if need be.

    Raises:
        UserError: it is neither here nor in reach.
    """
    from docker.errors import DockerException, ImageNotFound

    if "@sha256:" in name:
        return name
    try:
        image = connection.images.get(name)
    except ImageNotFound:
        print(f"Pulling {name}.", flush=True)
        try:
            image = connection.images.pull(name)
        except DockerException as error:
            raise UserError(
                f"the base image {name} is neither here nor in reach of this machine; import one under that "
                "name (docs/image.md says how) or choose another with --base"
            ) from error
    digests: list[str] = image.attrs.get("RepoDigests") or []
    return digests[0] if digests else f"{name}@{image.id}"


def build(
    connection: Any,
    context: IO[bytes],
    tags: list[str],
    arguments: dict[str, str],
    verbose: bool = False,
) -> str:
    """Build the image of ``context`` and tag it, saying how it goes; returns its id.

    Raises:
        UserError: a step fails; the last lines of what it printed are printed.
    """
    began = time.monotonic()
    last: collections.deque[str] = collections.deque(maxlen=40)
    stream = connection.api.build(
        fileobj=context,
        custom_context=True,
        tag=tags[0],
        buildargs=arguments,
        network_mode="host",
        rm=True,
        forcerm=True,
        decode=True,
    )
    identifier = ""
    for event in stream:
        if "error" in event:
            print("\n".join(last))
            raise UserError(f"the image does not build: {' '.join(str(event['error']).split())}")
        identifier = event.get("aux", {}).get("ID", identifier)
        for line in str(event.get("stream", "")).splitlines():
            line = re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip()
            if not line:
                continue
            last.append(line)
            if verbose or line.startswith("Step "):
                print(f"{time.monotonic() - began:6.0f} s  {line}", flush=True)
    image = connection.images.get(identifier or tags[0])
    for tag in tags:
        image.tag(tag)
    return str(image.id)


def save(connection: Any, name: str, path: Path) -> None:
    """Write the image ``name`` to the archive ``path``, as ``docker save`` does.

    Raises:
        UserError: there is no such image.
    """
    image = get(connection, name)
    with path.open("wb") as file:
        for chunk in image.save(named=True):
            file.write(chunk)


def get(connection: Any, name: str) -> Any:
    """The image ``name``.

    Raises:
        UserError: there is none.
    """
    from docker.errors import ImageNotFound

    try:
        return connection.images.get(name)
    except ImageNotFound as error:
        raise UserError(f"there is no image {name} here; `make image` builds one") from error
