"""Probes a subscriber's address without an event, naming the layer that fails."""

from collections.abc import Mapping

from connectors.base import CheckReport, Probe
from connectors.http import NotSent, OutcomeUnknown, Transport, Url, exchange, make_request
from connectors.ssrf import ADDRESS_REFUSED

__all__ = ["probe"]

_LAYERS = ("dns", "network", "tcp", "tls", "answer")
_LAYER_OF = {
    "dns": "dns",
    ADDRESS_REFUSED: "network",
    "tls": "tls",
    "tls_certificate": "tls",
    "tls_client_certificate": "tls",
}


async def probe(transport: Transport, url: Url, timeouts: Mapping[str, float]) -> CheckReport:
    """GET the address, unsigned, and report by layer.

    Any answer below 500 passes: a subscriber need not know GET, and what it says of an unsigned
    request proves nothing about its key. 501 says just that. 410 fails: it wants no events.
    """
    layers = [layer for layer in _LAYERS if layer != "tls" or url.scheme == "https"]
    try:
        request = make_request("GET", url, headers={}, timeouts=timeouts)
        status = (await exchange(transport, request)).status
    except NotSent as fault:
        return _report(layers, failed=_LAYER_OF.get(fault.code, "tcp"), detail=fault.code)
    except OutcomeUnknown as fault:
        return _report(layers, failed="answer", detail=fault.code)
    bad = status == 410 or (status >= 500 and status != 501)
    return _report(layers, failed="answer" if bad else "", detail=f"http_{status}")


def _report(layers: list[str], *, failed: str, detail: str) -> CheckReport:
    if failed not in layers:
        return CheckReport(probes=tuple(Probe(name=layer, passed=True) for layer in layers))
    passed = [Probe(name=layer, passed=True) for layer in layers[: layers.index(failed)]]
    return CheckReport(probes=(*passed, Probe(name=failed, passed=False, detail=detail)))
