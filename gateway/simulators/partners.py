"""The three partners of the demo together: started in this process, or in one of their own."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.errors import TryAgain, UsageFault
from gateway.ports import Clock
from gateway.simulators.access import Access, SftpAccess
from gateway.simulators.billing import BillingDesk
from gateway.simulators.clearinghouse import Clearinghouse
from gateway.simulators.erp import ErpDesk
from gateway.simulators.faults import Fault
from gateway.simulators.http_partner import HttpPartner

__all__ = [
    "BillingConfig",
    "ClearinghouseConfig",
    "ErpConfig",
    "Partners",
    "PartnersConfig",
    "Ready",
    "Spawned",
    "run_partners",
    "spawn_partners",
]

_Port = Annotated[int, Meta(ge=0, le=65535)]
_START_SECONDS = 30.0


class ErpConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the ERP runs. Port 0 takes a free one; `journal` "" keeps no file."""

    port: _Port = 0
    journal: str = ""
    access: Access = Access()
    faults: tuple[Fault, ...] = ()


class BillingConfig(ErpConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the billing system runs."""

    unknown_one_in: Annotated[int, Meta(ge=0)] = 25
    """About one account in that many is unknown here; 0 knows all."""


class ClearinghouseConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the clearinghouse runs; `root` is the tree it serves."""

    root: str
    port: _Port = 0
    access: SftpAccess = SftpAccess()
    faults: tuple[Fault, ...] = ()


class PartnersConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which partners run, and how. None leaves one out."""

    clearinghouse: ClearinghouseConfig | None = None
    billing: BillingConfig | None = None
    erp: ErpConfig | None = None


class Partners(msgspec.Struct, frozen=True, kw_only=True):
    """The partners that run in this process."""

    clearinghouse: Clearinghouse | None = None
    billing: HttpPartner | None = None
    erp: HttpPartner | None = None

    def all(self) -> tuple[Clearinghouse, HttpPartner, HttpPartner]:
        """Return clearinghouse, billing and ERP. Raises UsageFault where one does not run."""
        if self.clearinghouse is None or self.billing is None or self.erp is None:
            raise UsageFault("Not all three partners run.")
        return self.clearinghouse, self.billing, self.erp


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Where spawned partners listen: the one line their process writes once all are up."""

    pid: int
    billing_url: str = ""
    erp_url: str = ""
    sftp_port: int = 0
    sftp_host_key: str = ""


class Spawned(msgspec.Struct, frozen=True, kw_only=True):
    """Partners in a process of their own."""

    ready: Ready
    process: asyncio.subprocess.Process

    async def kill(self) -> None:
        """Kill -9 that process and wait for its end."""
        await _kill(self.process)


@contextlib.asynccontextmanager
async def run_partners(
    config: PartnersConfig, *, clock: Clock | None = None
) -> AsyncIterator[Partners]:
    """Run partners in this process. Raises OSError where a port is taken."""
    async with contextlib.AsyncExitStack() as stack:
        house = billing = erp = None
        if wanted := config.clearinghouse:
            house = Clearinghouse(
                Path(wanted.root),
                wanted.port,
                access=wanted.access,
                faults=wanted.faults,
                clock=clock,
            )
            # Its stop waits for threads; they need the event loop for nothing.
            stack.enter_context(house)
        if b := config.billing:
            desk = BillingDesk(unknown_one_in=b.unknown_one_in, clock=clock)
            billing = await stack.enter_async_context(_partner(desk, b, clock))
        if config.erp:
            erp = await stack.enter_async_context(_partner(ErpDesk(), config.erp, clock))
        yield Partners(clearinghouse=house, billing=billing, erp=erp)


@contextlib.asynccontextmanager
async def spawn_partners(config: PartnersConfig) -> AsyncIterator[Spawned]:
    """Run partners in a process of their own, which ends with this block or with this process.

    The configuration goes through standard input: no secret is on a command line. Raises
    UsageFault for a clearinghouse without login, TryAgain where the process does not come up.
    """
    house = config.clearinghouse
    if house and not house.access.password and not house.access.authorized_key:
        raise UsageFault("A clearinghouse in a process of its own needs a password or a key.")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.simulators", "--config", "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        yield Spawned(ready=await _wait_ready(process, config), process=process)
    finally:
        if process.returncode is None and process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            await _kill(process)


async def _wait_ready(process: asyncio.subprocess.Process, config: PartnersConfig) -> Ready:
    if process.stdin is None or process.stdout is None:
        raise TryAgain("The simulators' process has no pipes.")
    process.stdin.write(msgspec.json.encode(config) + b"\n")
    try:
        async with asyncio.timeout(_START_SECONDS):
            line = await process.stdout.readline()
        return msgspec.json.decode(line, type=Ready)
    except (TimeoutError, msgspec.DecodeError):
        await _kill(process)
        raise TryAgain("The simulators' process did not come up.") from None


async def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _partner(desk: BillingDesk | ErpDesk, config: ErpConfig, clock: Clock | None) -> HttpPartner:
    return HttpPartner(
        desk,
        access=config.access,
        faults=config.faults,
        journal=Path(config.journal) if config.journal else None,
        port=config.port,
        clock=clock,
    )
