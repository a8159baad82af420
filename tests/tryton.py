"""A Tryton with an empty ledger, on PostgreSQL, in processes of its own: spoken to, never imported.

Making its database takes 14 s of CPU, so a dump is kept in the user's cache folder, by versions;
every module that asks gets a copy. Everything is set up over Tryton's own JSON-RPC.
"""

import base64
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import msgspec
import pytest

from tests.connectors.programs import free_port, program, running
from tests.postgres import Postgres

ADMINISTRATOR = "administrator-of-tests"
PACKAGES = ("trytond", "trytond_account", "trytond_company", "trytond_currency", "trytond_party")
RECIPE = 2
"""Raised when what is set up below changes."""
COMPANY = {"company": 1, "companies": [1]}


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """What was set up: the ids a journal needs, and the key of the REST interface."""

    key: str
    cash: int
    receivable: int
    party: int


class Tryton:
    """A running Tryton, and its books as its own JSON-RPC tells them."""

    def __init__(self, url: str, database: str) -> None:
        self.url = url
        self.rest = f"{url}/{database}/rest/model"
        self._client = httpx.Client(base_url=f"{url}/{database}", timeout=60)
        self._authorization: dict[str, str] = {}
        self.context: dict[str, Any] = {}

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port

    def call(self, method: str, *params: Any) -> Any:
        body = {"id": 1, "method": method, "params": [*params]}
        answer = self._client.post("/rpc/", json=body, headers=self._authorization)
        answer.raise_for_status()
        told = answer.json()
        assert not told.get("error"), (method, told["error"])
        return told["result"]

    def log_in(self) -> int:
        user, session, *_ = self.call("common.db.login", "admin", {"password": ADMINISTRATOR})
        token = base64.b64encode(f"admin:{user}:{session}".encode()).decode()
        self._authorization = {"Authorization": f"Session {token}"}
        return user

    def model(self, method: str, *params: Any) -> Any:
        return self.call(f"model.{method}", *params, self.context)

    def moves(self, description: str, *fields: str) -> list[dict[str, Any]]:
        """Return the journals whose description begins like this, oldest first."""
        domain = [["description", "like", f"{description}%"]]
        order = [["id", "ASC"]]
        return self.model("account.move.search_read", domain, 0, None, order, list(fields))

    def lines(self, move: int) -> list[dict[str, Any]]:
        """Return a journal's lines in their order."""
        fields = ["debit", "credit", "description"]
        domain, order = [["move", "=", move]], [["id", "ASC"]]
        return self.model("account.move.line.search_read", domain, 0, None, order, fields)

    def close(self) -> None:
        self._client.close()


class _Server:
    """The test session's PostgreSQL as Tryton sees it, with one database to build or fill."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self.dsn = postgres.fresh()
        self.database = urlsplit(self.dsn).path.lstrip("/")
        self._hurried(self.database)

    @property
    def uri(self) -> str:
        """The address as Tryton wants it: no database in it."""
        return urlunsplit(urlsplit(self.dsn)._replace(path="/"))

    def copy(self) -> str:
        """Return the name of a copy of the database; nobody may be connected to it."""
        made = f"tryton_{uuid.uuid4().hex[:12]}"
        self._postgres.execute(f'CREATE DATABASE "{made}" TEMPLATE "{self.database}"')
        self._hurried(made)
        return made

    def drop(self, database: str) -> None:
        self._postgres.execute(f'DROP DATABASE "{database}" WITH (FORCE)')

    def _hurried(self, database: str) -> None:
        """What Tryton commits need not survive a loss of power: it is the partner here."""
        self._postgres.execute(f'ALTER DATABASE "{database}" SET synchronous_commit TO off')


def _client_program(name: str) -> str:
    """Return the path of one of PostgreSQL's own programs, empty where only the wheel is here."""
    installed = [str(path) for path in Path("/usr/lib/postgresql").glob(f"*/bin/{name}")]
    return max(installed, default=shutil.which(name) or "")


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home) / "remithub-tests"
    folder.mkdir(parents=True, exist_ok=True)
    versions = [f"{name}=={metadata.version(name)}" for name in PACKAGES]
    key = hashlib.sha256(f"{RECIPE} {versions}".encode()).hexdigest()[:16]
    return folder / f"tryton-{key}"


@contextlib.contextmanager
def _serving(server: _Server, database: str, folder: Path) -> Iterator[Tryton]:
    url = f"http://127.0.0.1:{free_port()}"
    config = folder / "trytond.conf"
    config.write_text(
        f"[web]\nlisten = {url.removeprefix('http://')}\n"
        f"[database]\nuri = {server.uri}\n"
        "[session]\nauthentications = password\ntimeout = 3600\n",
        encoding="utf-8",
    )
    command = [program("trytond"), "-c", str(config), "-d", database]
    with running(command, f"{url}/", folder / "log"):
        tryton = Tryton(url, database)
        try:
            yield tryton
        finally:
            tryton.close()


def _build(server: _Server, folder: Path) -> Books:
    """Make the tables of the empty database, a company, a year of periods, accounts, a user."""
    config = folder / "admin.conf"
    config.write_text(f"[database]\nuri = {server.uri}\n", encoding="utf-8")
    password = folder / "password"
    password.write_text(ADMINISTRATOR, encoding="utf-8")
    _run(
        *(program("trytond-admin"), "-c", str(config), "-d", server.database),
        *("-u", "account", "--activate-dependencies", "--email", "admin@example.test"),
        env={**os.environ, "TRYTONPASSFILE": str(password)},
    )
    with _serving(server, server.database, folder) as tryton:
        user = tryton.log_in()
        return _set_up(tryton, user)


def _set_up(tryton: Tryton, user: int) -> Books:
    model = tryton.model
    dollar = {"name": "US Dollar", "code": "USD", "symbol": "$", "digits": 2}
    dollar["rounding"] = {"__class__": "Decimal", "decimal": "0.01"}
    currencies = model("currency.currency.search", [["code", "=", "USD"]], 0, 1, None)
    [currency] = currencies or model("currency.currency.create", [dollar])
    [party] = model("party.party.create", [{"name": "Example Health System"}])
    [company] = model("company.company.create", [{"party": party, "currency": currency}])
    assert company == COMPANY["company"]
    mine = {"companies": [["add", [company]]], "company": company}
    model("res.user.write", [user], mine)
    tryton.context = COMPANY
    _year(tryton, company)
    _chart(tryton, company)
    accounts = model(
        "account.account.search_read",
        [["code", "in", ["1.1.1", "1.2.1"]]],
        0,
        None,
        None,
        ["code"],
    )
    ids = {account["code"]: account["id"] for account in accounts}
    return Books(
        key=_rest_key(tryton, mine), cash=ids["1.1.1"], receivable=ids["1.2.1"], party=party
    )


def _year(tryton: Tryton, company: int) -> None:
    model = tryton.model
    [kind] = model("ir.sequence.type.search", [["name", "=", "Account Move"]], 0, 1, None)
    sequence = {"name": "2026", "sequence_type": kind, "company": company}
    [numbers] = model("ir.sequence.strict.create", [sequence])
    year = {"name": "2026", "company": company, "move_sequence": numbers}
    year["start_date"] = {"__class__": "date", "year": 2026, "month": 1, "day": 1}
    year["end_date"] = {"__class__": "date", "year": 2026, "month": 12, "day": 31}
    [made] = model("account.fiscalyear.create", [year])
    model("account.fiscalyear.create_period", [made])


def _chart(tryton: Tryton, company: int) -> None:
    template = tryton.model("ir.model.data.get_id", "account.account_template_root_en")
    wizard = "wizard.account.create_chart"
    session, start, _end = tryton.call(f"{wizard}.create", tryton.context)
    chosen = {"account": {"company": company, "account_template": template}}
    for state, values in ((start, {}), ("create_account", chosen)):
        tryton.call(f"{wizard}.execute", session, values, state, tryton.context)


def _rest_key(tryton: Tryton, mine: dict[str, Any]) -> str:
    model = tryton.model
    groups = model("res.group.search", [["name", "=", "Accounting"]], 0, 1, None)
    hub = {"name": "Remittance hub", "login": "hub", "password": "a-long-password-of-the-hub"}
    [user] = model("res.user.create", [{**hub, "groups": [["add", groups]], **mine}])
    application = {"user": user, "application": "rest"}
    [made] = model("res.user.application.create", [application])
    [told] = model("res.user.application.read", [made], ["key", "state"])
    assert told["state"] == "validated"
    return told["key"]


@pytest.fixture(scope="session")
def tryton_template(postgres: Postgres, tmp_path_factory) -> tuple[_Server, Books]:
    """A database with an empty ledger that is only copied, and what is in it."""
    server = _Server(postgres)
    kept = _cache()
    dump, told = kept.with_suffix(".dump"), kept.with_suffix(".json")
    dumper, restorer = _client_program("pg_dump"), _client_program("pg_restore")
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of several test processes builds it
        if restorer and dump.is_file() and told.is_file():
            with contextlib.suppress(AssertionError):  # of another version than the server
                _run(restorer, "--exit-on-error", "--no-owner", "-d", server.dsn, str(dump))
                return server, msgspec.json.decode(told.read_bytes(), type=Books)
            server = _Server(postgres)
        books = _build(server, tmp_path_factory.mktemp("tryton"))
        if dumper:
            with contextlib.suppress(AssertionError):
                _run(dumper, "-Fc", "-f", f"{dump}.new", server.dsn)
                told.write_bytes(msgspec.json.encode(books))
                Path(f"{dump}.new").rename(dump)
    return server, books


def _run(*command: str, env: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        command, env=env, check=False, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{Path(command[0]).name}: {done.stderr[-3000:]}"


@pytest.fixture(scope="module")
def tryton(tryton_template, tmp_path_factory) -> Iterator[tuple[Tryton, Books]]:
    """A Tryton of this module's own, with an empty ledger, logged in as its administrator."""
    server, books = tryton_template
    database = server.copy()
    with _serving(server, database, tmp_path_factory.mktemp("tryton")) as running_tryton:
        running_tryton.log_in()
        running_tryton.context = COMPANY
        yield running_tryton, books
    server.drop(database)
