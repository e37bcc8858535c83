"""Every test here has W&B settings of its own, and loopback servers where it asks for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import wandb

from tests.tracking.servers import KEY, Front, Server


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings, key or cache of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    for name in ("HOME", "WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    (tmp_path / "home").mkdir()
    yield
    wandb.teardown()  # the client keeps the settings it was first used with


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that the client is told to use, with a key for it."""
    server = Server(tmp_path / "server")
    server.start()
    monkeypatch.setenv("WANDB_BASE_URL", server.url)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    yield server
    server.stop()


@pytest.fixture
def front(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """The same, reached through what can keep its answers back and hands out the cells of sweeps."""
    front = Front(server)
    monkeypatch.setenv("WANDB_BASE_URL", front.url)
    yield front
    front.close()


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """A server that has sweeps but keeps no runs, with a key for it."""
    front = Front()
    monkeypatch.setenv("WANDB_BASE_URL", front.url)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    yield front
    front.close()
