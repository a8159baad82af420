"""Probes an SFTP endpoint without changing anything, naming the layer that fails."""

from connectors.base import CheckReport, Probe
from connectors.sftp.client import Client
from connectors.sftp.faults import SftpFault
from connectors.sftp.pool import Endpoint

__all__ = ["probe"]

_LAYERS = ("dns", "tcp", "ssh", "host_key", "auth", "permission", "names")
_LAYER_OF = {
    "dns": "dns",
    "connect_timeout": "tcp",
    "refused": "tcp",
    "unreachable": "tcp",
    "ssh_negotiation": "ssh",
    "no_common_algorithm": "ssh",
    "connection_lost": "ssh",
    "host_key_changed": "host_key",
    "host_key_kind_unsupported": "host_key",
    "private_key_unreadable": "auth",
    "auth_kind_refused": "auth",
    "auth_refused": "auth",
    "auth_incomplete": "auth",
    "auth_interrupted": "auth",
}


async def probe(endpoint: Endpoint, folder: str, refused_names: int = 0) -> CheckReport:
    """List the folder and report by layer; `names` fails where hostile names were seen."""
    try:
        async with endpoint.session() as session:
            await session.run(Client.regular_files, folder)
    except SftpFault as fault:
        layer = _LAYER_OF.get(fault.code, "permission")
        return _report(layer, f"{fault.code}: {fault.detail}" if fault.detail else fault.code)
    if refused_names:
        return _report("names", f"{refused_names} refused")
    return CheckReport(probes=tuple(Probe(name=layer, passed=True) for layer in _LAYERS))


def _report(failed: str, detail: str) -> CheckReport:
    passed = [Probe(name=layer, passed=True) for layer in _LAYERS[: _LAYERS.index(failed)]]
    return CheckReport(probes=(*passed, Probe(name=failed, passed=False, detail=detail)))
