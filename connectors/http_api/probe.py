"""Probes an HTTP API without side effects, naming the layer that fails."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from connectors.base import CheckReport, Probe
from connectors.http import (
    NotSent,
    OutcomeUnknown,
    Transport,
    exchange,
    make_request,
    make_url,
)
from connectors.http_api.auth import Authenticator, CredentialFault

__all__ = ["probe"]

_LAYERS = ("dns", "tcp", "tls", "auth", "answer")
_LAYER_OF = {"dns": "dns", "tls": "tls", "tls_certificate": "tls", "tls_client_certificate": "tls"}


async def probe(
    transport: Transport,
    auth: Authenticator,
    base_url: str,
    path: str | None,
    timeouts: dict[str, float],
    fixed: Mapping[str, str] = {},
) -> CheckReport:
    """GET `path` below `base_url` (or `base_url` itself) and report by layer.

    `fixed` are the settings' headers. Without a path any answer passes and the credential is not judged: what the base address
    answers to a GET proves nothing about it. Plain HTTP to another machine fails `encryption`.
    """
    layers = [layer for layer in _LAYERS if layer != "tls" or base_url.startswith("https:")]
    if path is None:
        layers.remove("auth")
    url = base_url.rstrip("/") + ("/" + path.lstrip("/") if path else "")
    try:
        credential = await auth.headers() if path else {}
        headers = {"Accept": "application/json", **fixed, **credential}
        request = make_request("GET", make_url(url), headers=headers, timeouts=timeouts)
        status = (await exchange(transport, request)).status
    except CredentialFault as fault:
        return _report(layers, failed="auth", detail=fault.code)
    except NotSent as fault:
        return _report(layers, failed=_LAYER_OF.get(fault.code, "tcp"), detail=fault.code)
    except OutcomeUnknown as fault:
        return _report(layers, failed="answer", detail=fault.code)
    except ValueError:
        return _report(layers, failed="dns", detail="url_invalid")
    if path is not None and status in (401, 403):
        return _report(layers, failed="auth", detail=f"http_{status}")
    if _in_the_clear(base_url):
        layers.append("encryption")
        return _report(layers, failed="encryption", detail="plain_http")
    bad = status >= 500 or (path is not None and status >= 300)
    return _report(layers, failed="answer" if bad else "", detail=f"http_{status}")


def _in_the_clear(base_url: str) -> bool:
    """Say whether documents would cross a network unencrypted (45 CFR 164.312(e))."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    loopback = host in ("localhost", "::1") or host.startswith("127.")
    return parts.scheme == "http" and not loopback


def _report(layers: list[str], *, failed: str, detail: str) -> CheckReport:
    if failed not in layers:
        return CheckReport(probes=tuple(Probe(name=layer, passed=True) for layer in layers))
    passed = layers[: layers.index(failed)]
    probes = [Probe(name=layer, passed=True) for layer in passed]
    return CheckReport(probes=(*probes, Probe(name=failed, passed=False, detail=detail)))
