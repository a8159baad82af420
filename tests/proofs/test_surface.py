"""F-API: Schemathesis, with every check it has, against a running hub, as each role and as nobody.

The document it works from is the hub's own. The short cut asks each role about a sixth of the
operations, another sixth for the next role, with the same cases every time; the full length asks
every role about all of them, with new cases each time.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
import pytest

from gateway.access import Duty
from gateway.api.door import OPEN_PATHS
from tests.gateway.api.roles import World, world_at

CONFIG = Path(__file__).with_name("schemathesis.toml")
PROGRAM = Path(sys.executable).with_name("schemathesis")
NOBODY = "nobody"
ROLES = [*(duty.value for duty in Duty), NOBODY]
SIGN_OUTS = ("end_session", "end_other", "end_person")
"""Each may end the session that all the rest needs: they are asked alone."""

SLICES = 6
CREDENTIALS = ("Authorization", "Cookie", "X-CSRF-Token")
"""Written as the program looks for them, to leave them out."""


class Figures(Protocol):
    """What `report` is."""

    def __call__(self, proof: str, **figures: Any) -> None: ...


class Asked(msgspec.Struct, frozen=True):
    """What a run sent, by path and status."""

    answers: Counter[tuple[str, int]]

    @property
    def good_paths(self) -> set[str]:
        return {path for path, status in self.answers if 200 <= status < 300}


class Fuzzer:
    """Runs the program as one role against one hub."""

    def __init__(self, world: World, role: str, folder: Path) -> None:
        self.world, self.role, self.folder = world, role, folder
        found = world.live.get("/schema/openapi.json")
        operations = [one for item in found["paths"].values() for one in item.values()]
        self.operations: list[str] = [one["operationId"] for one in operations]
        self.document = folder / "openapi.json"
        self.document.write_text(json.dumps(found))

    def run(self, operations: list[str], *options: str) -> Asked:
        """Ask about those operations; fail with all that is found."""
        har = self.folder / "har.json"
        command = [PROGRAM, "--config-file", CONFIG, "run", self.document, "--no-color"]
        command += ["--url", self.world.live.url, "--checks", "all", "--request-timeout", "30"]
        command += ["--report", "har", "--report-har-path", har, *options]
        for name in operations:
            command += ["--include-operation-id", name]
        for name, value in self._credentials().items():
            command += ["--header", f"{name}: {value}"]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, "NO_PROXY": "*"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"as {self.role}:\n{done.stdout}"
        entries = json.loads(har.read_text())["log"]["entries"]
        return Asked(
            Counter(
                (urlsplit(one["request"]["url"]).path, one["response"]["status"])
                for one in entries
            )
        )

    def _credentials(self) -> dict[str, str]:
        if self.role == NOBODY:
            return {}
        headers = self.world.clients[Duty(self.role)].headers
        return {name: headers[name] for name in CREDENTIALS if name in headers}

    def still_in(self) -> bool:
        """Tell whether the hub works, and lets this role in: else nothing was tested at the end."""
        live = self.world.live
        assert live.client.get("/readyz").status_code == 200
        if self.role == NOBODY:
            return True
        return self.world.clients[Duty(self.role)].get("/v1/contracts").status_code == 200


def _slice(operations: list[str], role: str) -> list[str]:
    start = ROLES.index(role)
    return [one for at, one in enumerate(operations) if (at + start) % SLICES == 0]


def _judge(fuzzer: Fuzzer, asked: Asked) -> None:
    assert fuzzer.still_in(), "the hub or the credential was gone before the end"
    assert asked.answers.total() > 100
    if fuzzer.role == NOBODY:
        assert asked.good_paths <= OPEN_PATHS


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_nothing_unforeseen_is_answered_to(role: str, tmp_path: Path) -> None:
    with world_at(tmp_path / "hub") as world:
        fuzzer = Fuzzer(world, role, tmp_path)
        mine = [one for one in _slice(fuzzer.operations, role) if one not in SIGN_OUTS]
        asked = fuzzer.run(mine, "--seed", "1", "--max-examples", "2")
        _judge(fuzzer, asked)


@pytest.mark.slow
@pytest.mark.parametrize("operation", SIGN_OUTS)
def test_signing_out_is_as_foreseen(operation: str, tmp_path: Path) -> None:
    with world_at(tmp_path / "hub") as world:
        fuzzer = Fuzzer(world, Duty.ADMIN, tmp_path)
        alone = ("--phases", "coverage,fuzzing")  # one operation has nothing to link to
        fuzzer.run([operation], "--seed", "1", "--max-examples", "2", *alone)


@pytest.mark.soak
def test_nothing_unforeseen_is_answered_in_five_minutes(tmp_path: Path, report: Figures) -> None:
    answers: Counter[tuple[str, int]] = Counter()
    for role in ROLES:
        folder = tmp_path / role
        folder.mkdir()
        with world_at(folder / "hub") as world:
            fuzzer = Fuzzer(world, role, folder)
            mine = [one for one in fuzzer.operations if one not in SIGN_OUTS]
            asked = fuzzer.run(mine, "--max-time", "30")
            _judge(fuzzer, asked)
            answers += asked.answers
    statuses: Counter[int] = Counter()
    for (_, status), count in answers.items():
        statuses[status] += count
    report(
        "F-API",
        roles=len(ROLES),
        requests=answers.total(),
        by_status={str(status): count for status, count in sorted(statuses.items())},
        server_errors=sum(count for status, count in statuses.items() if status >= 500),
    )
