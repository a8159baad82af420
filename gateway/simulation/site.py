"""The configuration of the simulated site: sources, partners, routes, and the split of amounts."""

import json
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from connectors.base import Idempotency
from connectors.http_api.settings import IdempotencySettings
from gateway.app.bundles import read_bundle
from gateway.pipeline import Bundle, Sink, Source
from gateway.settings import OnDead

__all__ = ["DEADLINE_SECONDS", "OPTIONAL", "REVISIONS", "SINKS", "SOURCES", "Site", "bundle_of"]

DEADLINE_SECONDS = 8.0
"""Of one attempt at any partner; no partner makes an effect after it."""

SOURCES = ("feed-json", "feed-835", "drop")
SINKS = ("billing", "erp", "portal", "archive", "registry", "shares")
OPTIONAL = ("archive", "billing", "portal", "registry", "shares")
"""Partners that a seed may leave out: a world with fewer of them costs less, and what goes wrong
in it is not hidden behind the others (swarm testing, Groce et al. 2012)."""

REVISIONS = 3
"""Configurations that a reload may put in force."""


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """What may differ between two seeds, or before and after a reload. `revision` changes the
    connector of one partner, `archive_on_dead` what happens behind a dead delivery there, `without`
    which of `OPTIONAL` nothing is routed to."""

    archive_on_dead: OnDead = OnDead.HOLD
    registry_mode: Idempotency = Idempotency.KEY
    without: tuple[str, ...] = ()
    revision: int = 0
    drop_folder: str = "/nowhere"


_HUB = """\
tenant: simulated
time_zone: America/Chicago
store: {free_bytes_low: 0}
"""
_JSON_FEED = """\
interface: feed-json
direction: in
format: json
contract: remittance-advice@^1.0
concurrency: 4
"""
_835_FEED = """\
interface: feed-835
direction: in
format: x12-835
mapping: x12-835-to-remittance-advice
concurrency: 2
"""
_DROP = """\
interface: drop
direction: in
format: x12-835
mapping: x12-835-to-remittance-advice
connector: folder
settings: {path: /nowhere, settle_seconds: 1}
poll_seconds: 2
"""
_RETRY = """\
{schedule_seconds: [0, 1, 2, 4, 8, 15], breaker_failures: 4, breaker_seconds: 2,
  breaker_longest_seconds: 60}"""
"""A day's policy within minutes: several items that a partner never takes are probed one after
another, and what waits behind them has its turn before the world ends."""
_SINK = """\
interface: NAME
direction: out
connector: http_api
accepts: ACCEPTS
allow_draft: true
concurrency: 3
deadline_seconds: DEADLINE
retry: RETRY
MORE
settings:
  base_url: http://NAME.simulated
  timeouts: {connect_seconds: 2, read_seconds: 6, pool_seconds: 2}
  headers: {X-Revision: "0"}
SETTINGS
"""
_SINGLE = """\
  idempotency: {mode: MODE}
  deliver:
    steps: [{id: send, request: {path: /documents, headers: {X-Reference: "${key}"}}}]
    result: {external_id: "${steps.send.body.id|optional}"}
  lookup:
    steps: [{id: find, request: {method: GET, path: "/documents/${key}"}}]
    found: steps.find.body.id
    absent_status: [404]
"""
_BILLING = """\
  idempotency: {mode: key}
  errors:
    - {when: {status_range: [200, 299], body: {path: result, equals: rejected}}, class: message,
       code: posting_rejected}
  deliver:
    steps: [{id: post, request: {path: /v1/postings, headers: {X-Reference: "${key}"}}}]
    result: {external_id: "${steps.post.body.batch.id}"}
"""
_ERP = """\
  idempotency: {mode: lookup}
  errors:
    - {when: {status_range: [200, 299], body: {path: status, equals: E}}, class: message,
       code: journal_refused, code_path: code}
  deliver:
    steps: [{id: post, request: {path: /v1/journals, headers: {X-Reference: "${key}"}}}]
    result: {external_id: "${steps.post.body.documentNumber}"}
  lookup:
    steps:
      - id: find
        request: {method: GET, path: /v1/journals, query: {externalId: "${in.externalId}"}}
    found: steps.find.body.items.0.documentNumber
    result: {external_id: "${steps.find.body.items.0.documentNumber}"}
"""
_REGISTRY = """\
  idempotency: {mode: MODE}
  deliver:
    steps: [{id: send, request: {path: /documents, headers: {X-Reference: "${key}"}}}]
    result:
      external_id: "${steps.send.body.id}"
      pending: {path: steps.send.body.state, equals: pending}
      poll_after_seconds: 5
  lookup:
    steps: [{id: find, request: {method: GET, path: "/documents/${key}"}}]
    found: steps.find.body.id
    absent_status: [404]
    result:
      external_id: "${steps.find.body.id}"
      pending: {path: steps.find.body.state, equals: pending}
"""
_ROUTES = """\
routes:
  - {name: to-billing, contract: remittance-advice, to: billing,
     mapping: remittance-advice-to-posting-request}
  - {name: to-erp, contract: posting-confirmation, to: erp,
     mapping: posting-confirmation-to-journal-entry}
  - {name: to-portal, contract: remittance-advice, to: portal,
     when: 'payment.amount > 200.00'}
  - {name: to-archive, contract: remittance-advice, to: archive}
  - {name: to-registry, contract: remittance-advice, to: registry,
     when: 'payment.amount > 300.00'}
  - {name: first-share, contract: remittance-advice, to: shares, mapping: first-share,
     when: 'payment.amount > 150.00'}
  - {name: second-share, contract: remittance-advice, to: shares, mapping: second-share,
     when: 'payment.amount > 150.00'}
  - {name: rest-share, contract: remittance-advice, to: shares, mapping: rest-share,
     when: 'payment.amount > 150.00'}
"""
_SHARE = """\
mapping: NAME
version: 0.1.0
description: Part of a payment, to the cent.
source: {contract: remittance-advice, version: "^1.0"}
target: {contract: payment-share, version: "^0.1"}
let:
  third: round_half_up(payment.amount / 3, 2)
fields:
  share_id: hash_id("shr", remittance_id, "NAME")
  remittance_id: remittance_id
  amount: AMOUNT
"""
_SHARES = {
    "first-share": "third",
    "second-share": "third",
    "rest-share": "payment.amount - third - third",
}
_TEXT = {"type": "string", "maxLength": 80, "x-phi": {"class": "none"}}
_SHARE_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://contracts.remithub.example/payment-share/0.1.0/schema.json",
    "title": "Part of a payment",
    "type": "object",
    "properties": {
        "share_id": _TEXT | {"description": "Name of the part."},
        "remittance_id": _TEXT | {"description": "The payment."},
        "amount": {"$ref": "../../common/1.0.0/money.json#/$defs/money", "description": "Amount."},
    },
    "required": ["share_id", "remittance_id", "amount"],
}
_SHARE_CONTRACT = """\
id: com.remithub.contract.payment-share
name: payment-share
title: Part of a payment
owner: simulation
support: simulation
status: draft
compatibility: NONE
classification: internal
retention_days: 1
events: [com.remithub.share.v0]
index: {correlation: remittance_id, amount: amount}
"""


def _sink(name: str, accepts: str, settings: str, *, more: str = "") -> str:
    text = _SINK.replace("SETTINGS", settings).replace("NAME", name).replace("ACCEPTS", accepts)
    text = text.replace("MORE\n", more).replace("RETRY", _RETRY)
    return text.replace("DEADLINE", str(DEADLINE_SECONDS))


def _files() -> dict[str, str]:
    advice = "remittance-advice@^1.0"
    reply = "reply: {contract: posting-confirmation@^0.1, allow_draft: true}\n"
    journal = "mapping: journal-entry-to-erp-journal\n"
    order = "order_by: payer.name\n"
    sinks = {
        "billing": _sink("billing", "posting-request@^0.1", _BILLING, more=reply),
        "erp": _sink("erp", "journal-entry@^0.1", _ERP, more=journal),
        "portal": _sink("portal", advice, _SINGLE.replace("MODE", "none")),
        "archive": _sink("archive", advice, _SINGLE.replace("MODE", "key"), more=order),
        "registry": _sink("registry", advice, _REGISTRY.replace("MODE", "key")),
        "shares": _sink("shares", "payment-share@^0.1", _SINGLE.replace("MODE", "key")),
    }
    sources = {
        "feed-json": _JSON_FEED,
        "feed-835": _835_FEED,
        "drop": _DROP,
    }
    interfaces = {**sources, **sinks}
    return {
        "config/hub.yaml": _HUB,
        "config/routes.yaml": _ROUTES,
        "contracts/payment-share/contract.yaml": _SHARE_CONTRACT,
        "contracts/payment-share/0.1.0/schema.json": json.dumps(_SHARE_SCHEMA),
        **{f"config/interfaces/{name}.yaml": text for name, text in interfaces.items()},
        **{
            f"mappings/{name}/mapping.yaml": _SHARE.replace("NAME", name).replace("AMOUNT", part)
            for name, part in _SHARES.items()
        },
    }


@lru_cache(maxsize=1)
def _compiled() -> Bundle:
    with tempfile.TemporaryDirectory(prefix="remithub-simulation-") as folder:
        root = Path(folder)
        for name, text in _files().items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return read_bundle(root, {})


@lru_cache(maxsize=64)
def bundle_of(site: Site) -> Bundle:
    """Return the bundle of a site. It is compiled once per process (a second) and varied where
    two sites differ; a bundle never changes and may be shared by any number of worlds."""
    base = _compiled()
    return replace(
        base,
        hash=f"{base.hash[:-2]}{site.revision:02d}",
        routes={
            name: tuple(sending for sending in made if sending.settings.to not in site.without)
            for name, made in base.routes.items()
        },
        sources={**base.sources, "drop": _drop(base, site)},
        sinks={
            **base.sinks,
            "archive": _varied(base, "archive", on_dead=site.archive_on_dead),
            "erp": _with_options(base, "erp", headers={"X-Revision": str(site.revision)}),
            "registry": _with_options(base, "registry", idempotency=_keyed(site)),
        },
    )


def _keyed(site: Site) -> IdempotencySettings:
    return IdempotencySettings(mode=site.registry_mode)


def _drop(base: Bundle, site: Site) -> Source:
    source = base.sources["drop"]
    return replace(source, options=replace(source.options, path=site.drop_folder))


def _varied(base: Bundle, name: str, **settings: Any) -> Sink:
    sink = base.sinks[name]
    return replace(sink, settings=replace(sink.settings, **settings))


def _with_options(base: Bundle, name: str, **options: Any) -> Sink:
    sink = base.sinks[name]
    return replace(sink, options=replace(sink.options, **options))
