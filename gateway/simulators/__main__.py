"""`python -m gateway.simulators`: partners in a process of their own."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec

from gateway.simulators.access import Access, SftpAccess
from gateway.simulators.faults import Fault
from gateway.simulators.partners import (
    BillingConfig,
    ClearinghouseConfig,
    ErpConfig,
    Partners,
    PartnersConfig,
    Ready,
    run_partners,
)

__all__ = ["main"]

_EPILOG = """
Credentials come from the environment: REMITHUB_SIMULATOR_TOKEN (bearer token),
REMITHUB_SIMULATOR_CLIENT_ID and REMITHUB_SIMULATOR_CLIENT_SECRET (OAuth2),
REMITHUB_SIMULATOR_USER and REMITHUB_SIMULATOR_PASSWORD (SFTP).
Once all partners are up, one JSON line says where they listen.

  python -m gateway.simulators billing --port 8081 --journal billing.jsonl
  python -m gateway.simulators erp --fault '{"kind": "down", "count": 3}'
  python -m gateway.simulators clearinghouse --port 2022 --root tree
  python -m gateway.simulators --config partners.json
"""


def main() -> int:
    """Run partners until SIGTERM or SIGINT. Exit code 0, 2 for a wrong command line or file.

    With `--config -` the first line of standard input is the configuration, and the partners end
    when standard input does: with whoever started them.
    """
    parser = argparse.ArgumentParser(
        prog="python -m gateway.simulators",
        description="Partner systems with fault knobs, on loopback.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("partner", nargs="?", choices=["billing", "erp", "clearinghouse"])
    parser.add_argument("--config", help="JSON file that names several partners; - reads stdin")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--journal", default="", help="file that keeps the effects (JSON lines)")
    parser.add_argument("--root", default="", help="folder that the clearinghouse serves")
    parser.add_argument("--fault", action="append", default=[], help="a fault, as JSON")
    given = parser.parse_args()
    if (given.partner is None) == (given.config is None):
        parser.error("name one partner or a --config file")
    try:
        config = _config(given)
    except (msgspec.DecodeError, OSError) as error:
        parser.error(str(error))
    return asyncio.run(_serve(config, with_stdin=given.config == "-"))


def _config(given: argparse.Namespace) -> PartnersConfig:
    if given.config == "-":
        return msgspec.json.decode(sys.stdin.buffer.readline(), type=PartnersConfig)
    if given.config:
        return msgspec.json.decode(Path(given.config).read_bytes(), type=PartnersConfig)
    faults = tuple(msgspec.json.decode(text, type=Fault) for text in given.fault)
    if given.partner == "clearinghouse":
        house = ClearinghouseConfig(
            root=given.root or ".",
            port=given.port,
            faults=faults,
            access=SftpAccess(user=_secret("USER") or "remithub", password=_secret("PASSWORD")),
        )
        return PartnersConfig(clearinghouse=house)
    access = Access(
        bearer_token=_secret("TOKEN"),
        client_id=_secret("CLIENT_ID"),
        client_secret=_secret("CLIENT_SECRET"),
    )
    common = {"port": given.port, "journal": given.journal, "access": access, "faults": faults}
    if given.partner == "billing":
        return PartnersConfig(billing=BillingConfig(**common))
    return PartnersConfig(erp=ErpConfig(**common))


def _secret(name: str) -> str:
    return os.environ.get(f"REMITHUB_SIMULATOR_{name}", "")


async def _serve(config: PartnersConfig, *, with_stdin: bool) -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    async with run_partners(config) as partners:
        sys.stdout.write(msgspec.json.encode(_ready(partners)).decode() + "\n")
        sys.stdout.flush()
        if with_stdin:
            await loop.connect_read_pipe(lambda: _UntilEnd(ended), sys.stdin)
        await ended.wait()
    return 0


class _UntilEnd(asyncio.Protocol):
    def __init__(self, ended: asyncio.Event) -> None:
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._ended.set()


def _ready(partners: Partners) -> Ready:
    house = partners.clearinghouse
    return Ready(
        pid=os.getpid(),
        billing_url=partners.billing.url if partners.billing else "",
        erp_url=partners.erp.url if partners.erp else "",
        sftp_port=house.port if house else 0,
        sftp_host_key=house.host_key_line if house else "",
    )


if __name__ == "__main__":
    sys.exit(main())
