"""Servers on loopback that the real W&B client takes for W&B."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pwm.run.folder import RunFolder
from pwm.run.wandb_copy import State

KEY = "local" + 40 * "0"


class Server:
    """A W&B-compatible server; it knows no sweeps."""

    def __init__(self, data: Path) -> None:
        self._data = data
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "openwandb", "serve", "--host", "127.0.0.1"]
        self._process = subprocess.Popen(
            [*command, "--port", str(self.port), "--data-dir", str(self._data)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        raise AssertionError("the server does not answer")

    def stop(self) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def runs(self) -> dict[str, dict[str, Any]]:
        """What it stores of every run, by id."""
        with sqlite3.connect(self._data / "openwandb.db") as database:
            database.row_factory = sqlite3.Row
            return {row["run_id"]: dict(row) for row in database.execute("select * from runs")}

    def run(self, folder: Path) -> dict[str, Any]:
        """What it stores of the run in ``folder``."""
        return self.runs()[State(RunFolder(folder)).id]

    def wait_for(self, folder: Path) -> None:
        """Wait until it knows the run in ``folder``."""
        deadline = time.monotonic() + 60
        while State(RunFolder(folder)).id not in self.runs():
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def epochs(self, folder: Path) -> list[int]:
        """The epochs it has of the run in ``folder``."""
        query = "select value from metrics where run_id = ? and key = 'epoch' order by value"
        with sqlite3.connect(self._data / "openwandb.db") as database:
            return [int(value) for (value,) in database.execute(query, [State(RunFolder(folder)).id])]


class Front:
    """Stands in front of a :class:`Server`, or of none: can keep answers back, and has sweeps.

    A sweep hands out the cells that :attr:`cells` holds, under the ids ``cell-1``, ``cell-2``, …
    """

    def __init__(self, server: Server | None = None) -> None:
        front = self
        self.cells: list[dict[str, Any]] = []
        self.sweeps: list[str] = []  # their YAML
        self.drawn = 0
        self.requests = 0
        self.refuses = False
        self._held: str | None = None
        self._holding = threading.Event()
        self._flowing = threading.Event()
        self._flowing.set()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status, answer = front._answer(self, server, body)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_PUT = do_HEAD = do_GET

        self._listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._listener.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._listener.server_port}"
        threading.Thread(target=self._listener.serve_forever, daemon=True).start()

    def hold(self, what: str = "") -> None:
        """From now on accept requests whose path or body names ``what``, and answer none."""
        self._held = what
        self._holding.clear()
        self._flowing.clear()

    def wait_until_held(self) -> None:
        """Wait until a request is kept waiting."""
        assert self._holding.wait(60)

    def release(self) -> None:
        """Answer again, also what came meanwhile."""
        self._held = None
        self._flowing.set()

    def close(self) -> None:
        self.release()
        self._listener.shutdown()
        self._listener.server_close()

    def _answer(
        self, request: http.server.BaseHTTPRequestHandler, server: Server | None, body: bytes
    ) -> tuple[int, bytes]:
        self.requests += 1
        if self._held is not None and self._held in f"{request.path} {body!r}":
            self._holding.set()
            self._flowing.wait()
        if self.refuses:
            return 401, b'{"errors": [{"message": "invalid key"}]}'
        if request.path == "/graphql":
            called = json.loads(body)
            answer = self._sweep(called["query"], called.get("variables") or {})
            if answer is not None:
                return 200, json.dumps({"data": answer}).encode()
        if server is None:
            return 404, b""
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        headers = {key: value for key, value in request.headers.items() if key.lower() != "accept-encoding"}
        connection.request(request.command, request.path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()

    def _sweep(self, query: str, variables: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to what concerns sweeps and their owner, as far as the client reads it."""
        if "query Viewer" in query:
            return {"viewer": {"id": "0", "entity": "me", "username": "me", "teams": {"edges": []}}}
        if "upsertSweep" in query:
            self.sweeps.append(variables["config"])
            project = {"id": "1", "name": variables["projectName"], "entity": {"id": "2", "name": "me"}}
            sweep = {"name": f"sweep-{len(self.sweeps)}", "project": project}
            return {"upsertSweep": {"sweep": sweep, "configValidationWarnings": []}}
        if "SweepWithRuns" in query:
            runs: dict[str, Any] = {"edges": []}
            return {"project": {"sweep": {"id": "3", "config": self.sweeps[-1], "runs": runs}}}
        if "createAgent" in query:
            return {"createAgent": {"agent": {"id": "4"}}}
        if "agentHeartbeat" in query:
            busy = variables["runState"] != "{}"
            commands = [] if busy else [self._command()]
            return {"agentHeartbeat": {"agent": {"id": "4"}, "commands": json.dumps(commands)}}
        return None

    def _command(self) -> dict[str, Any]:
        if self.drawn == len(self.cells):
            return {"type": "exit"}
        cell = self.cells[self.drawn]
        self.drawn += 1
        values = {key: {"value": value} for key, value in cell.items()}
        return {"type": "run", "run_id": f"cell-{self.drawn}", "program": "pwm", "args": values}
