"""Writes AsyncAPI 3.0: the events the hub sends and the messages it receives, from the contracts."""

from collections.abc import Iterable
from typing import Any

from gateway.governance.export.published import Published
from gateway.governance.export.schemas import JSON_SCHEMA_FORMAT, component_name, moved, newest
from gateway.governance.masking import phi_classes
from gateway.governance.subschemas import Schema

__all__ = ["asyncapi_document"]

_EVENT_MEDIA_TYPE = "application/cloudevents+json"
_TEXT = {"type": "string", "minLength": 1}
_OPTIONAL = (
    ("subject", "The message's id."),
    ("time", "When it happened in business, RFC 3339 in UTC."),
    ("recordedtime", "When the hub took it, RFC 3339 in UTC."),
    ("dataschema", "The contract with its full version."),
    ("correlationid", "The same for everything that belongs to one payment."),
    ("causationid", "The message or the file that this came from."),
    ("sequence", "Order within a stream: 20 digits."),
    ("partitionkey", "Events of one key come in order."),
    ("traceparent", "W3C trace context."),
    ("dataclassification", "How the data must be handled."),
    ("dataregulation", "The regulation it falls under, such as HIPAA."),
    ("datacategory", "`phi` where the data may hold protected health information."),
    ("dataref", "Where the data is to be fetched, in place of `data`."),
)


def asyncapi_document(contracts: Iterable[Published], *, version: str = "1") -> dict[str, Any]:
    """Return the document over the newest version of every major of those contracts.

    Every event type of a contract is a channel that the hub sends into; every contract is a
    channel that it receives from, which over HTTP is `POST /v1/messages/{contract}`.
    """
    chosen = newest(contracts)
    sending = [(contract, event) for contract in chosen for event in contract.events]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "RemitHub",
            "version": version,
            "description": "Events that the hub sends to whoever subscribes or is routed to, and "
            "messages that it takes. Every payload is a document of a contract; events travel in "
            "a CloudEvents 1.0 envelope.",
            "license": {
                "name": "Apache-2.0",
                "url": "https://www.apache.org/licenses/LICENSE-2.0",
            },
            "tags": [{"name": name} for name in dict.fromkeys(one.name for one in chosen)],
        },
        "defaultContentType": _EVENT_MEDIA_TYPE,
        "channels": {
            **{event: _event_channel(contract, event) for contract, event in sending},
            **{_intake(contract): _intake_channel(contract) for contract in chosen},
        },
        "operations": {
            **{f"send.{event}": _send(contract, event) for contract, event in sending},
            **{f"receive.{component_name(one)}": _receive(one) for one in chosen},
        },
        "components": {
            "messages": {
                **{event: _event(contract, event) for contract, event in sending},
                **{component_name(contract): _message(contract) for contract in chosen},
            },
            "schemas": {
                "cloudevent": _envelope(),
                **{component_name(contract): _dialect(contract) for contract in chosen},
            },
        },
    }


def _pointer(*steps: str) -> dict[str, str]:
    """Return a reference; a channel's name may hold no slash, so nothing is to be escaped."""
    return {"$ref": "#/" + "/".join(steps)}


def _intake(contract: Published) -> str:
    return f"messages.{component_name(contract)}"


def _event_channel(contract: Published, event: str) -> dict[str, Any]:
    return {
        "address": event,
        "title": f"{contract.title}: {event.split('.')[-2]}",
        "description": contract.summary,
        "messages": {"event": _pointer("components", "messages", event)},
        "tags": [{"name": contract.name}],
    }


def _intake_channel(contract: Published) -> dict[str, Any]:
    return {
        "address": f"/v1/messages/{contract.name}",
        "title": f"{contract.title}, handed over",
        "description": "Taken where an incoming interface is configured for it.",
        "messages": {"document": _pointer("components", "messages", component_name(contract))},
        "tags": [{"name": contract.name}],
    }


def _send(contract: Published, event: str) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": _pointer("channels", event),
        "summary": f"Tells that there is a {contract.title.lower()}.",
        "messages": [_pointer("channels", event, "messages", "event")],
    }


def _receive(contract: Published) -> dict[str, Any]:
    channel = _intake(contract)
    return {
        "action": "receive",
        "channel": _pointer("channels", channel),
        "summary": f"Takes a {contract.title.lower()}; the answer 202 comes once it is durable.",
        "messages": [_pointer("channels", channel, "messages", "document")],
        "bindings": {"http": {"method": "POST"}},
    }


def _event(contract: Published, event: str) -> dict[str, Any]:
    """Return the message of an event: the envelope, with what this event says in it."""
    more = {
        "type": {"const": event},
        "data": _pointer("components", "schemas", component_name(contract), "schema"),
    }
    return {
        "name": event,
        "title": contract.title,
        "summary": contract.summary,
        "contentType": _EVENT_MEDIA_TYPE,
        "payload": {
            "schemaFormat": JSON_SCHEMA_FORMAT,
            "schema": {
                "allOf": [_pointer("components", "schemas", "cloudevent", "schema")],
                "properties": more,
            },
        },
        **_facts(contract),
    }


def _message(contract: Published) -> dict[str, Any]:
    return {
        "name": component_name(contract),
        "title": contract.title,
        "summary": contract.summary,
        "contentType": f"{contract.media_type}; version={contract.major}",
        "payload": _pointer("components", "schemas", component_name(contract)),
        "examples": [
            {"name": example.name, "payload": example.document}
            for example in contract.examples[:1]
            if isinstance(example.document, dict)
        ],
        **_facts(contract),
    }


def _facts(contract: Published) -> dict[str, Any]:
    return {
        "x-contract": contract.identity,
        "x-status": contract.status,
        "x-data-classification": contract.classification,
        "x-phi": bool(phi_classes(contract.schema)),
    }


def _dialect(contract: Published) -> dict[str, Any]:
    """Return the contract's schema with its dialect; its own references lead to where it stands."""
    where = f"#/components/schemas/{component_name(contract)}/schema/$defs/"
    types = {name: moved(body, where) for name, body in contract.schema.get("$defs", {}).items()}
    body = moved(contract.schema, where)
    return {
        "schemaFormat": JSON_SCHEMA_FORMAT,
        "schema": body | ({"$defs": types} if types else {}),
    }


def _envelope() -> dict[str, Any]:
    schema: Schema = {
        "type": "object",
        "description": "A CloudEvents 1.0 envelope, structured mode.",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": _TEXT | {"description": "Unique together with `source`: take it once."},
            "source": _TEXT | {"description": "The hub, the tenant and the interface."},
            "type": _TEXT
            | {"description": "What happened; ends in the contract's major version."},
            "datacontenttype": {"const": "application/json"},
            **{name: _TEXT | {"description": words} for name, words in _OPTIONAL},
        },
    }
    return {"schemaFormat": JSON_SCHEMA_FORMAT, "schema": schema}
