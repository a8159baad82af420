"""OpenAPI at `/schema`, with the contracts' schemas from our own files."""

from typing import Any

import msgspec
from litestar import Request
from litestar.enums import OpenAPIMediaType
from litestar.openapi.plugins import OpenAPIRenderPlugin

from gateway.api.interfaces import Reason
from gateway.api.operations import ReloadOrder
from gateway.api.problems import MEDIA_TYPE
from gateway.api.services import services
from gateway.api.set_aside import Order
from gateway.delivery import Action

__all__ = ["SchemaPage"]

_HERE = "#/components/schemas/{name}"
_, _TYPES = msgspec.json.schema_components([Reason, ReloadOrder, Order], ref_template=_HERE)


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _HERE.format(name=name)}}}


BODIES: dict[str, dict[str, Any]] = {
    "/v1/interfaces/{name}/files": {"application/octet-stream": {"schema": {"type": "string"}}},
    "/v1/messages/{contract}": {"application/json": {"schema": {"type": "object"}}},
    "/v1/interfaces/{name}/pause": _json("Reason"),
    "/v1/reload": _json("ReloadOrder"),
    **{f"/v1/set-aside/{action}": _json("Order") for action in Action},
}
"""What the routes read without the framework's help."""


class SchemaPage(OpenAPIRenderPlugin):
    """Gives the document as JSON; it fetches nothing from anywhere, so there is no page around it."""

    def __init__(self) -> None:
        super().__init__(
            path=["/", "/openapi.json"], media_type=OpenAPIMediaType.OPENAPI_JSON, favicon=""
        )

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the routes with the contracts in force among the components."""
        contracts = services(request).bundle.contracts
        components = dict(openapi_schema.get("components", {}))
        components["schemas"] = {
            **components.get("schemas", {}),
            **_TYPES,
            **{contract.name: contract.schema for contract in contracts.values()},
            "problem": _problem(),
        }
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document = {
            **openapi_schema,
            "paths": {
                path: {verb: _complete(path, operation) for verb, operation in item.items()}
                for path, item in openapi_schema.get("paths", {}).items()
            },
            "components": components,
            "security": [{"token": []}],
        }
        return self.render_json(request, document)


def _complete(path: str, operation: Any) -> Any:
    """Add what the routes read themselves, and our problem documents in place of the framework's."""
    if not isinstance(operation, dict) or "responses" not in operation:
        return operation
    body = BODIES.get(path)
    if body is not None:
        operation = {**operation, "requestBody": {"content": body}}
    good = {code: answer for code, answer in operation["responses"].items() if code[0] == "2"}
    problem = {
        "description": "A problem (RFC 9457) with a stable code.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": _HERE.format(name="problem")}}},
    }
    return {**operation, "responses": {**good, "default": problem}}


def _problem() -> dict[str, Any]:
    text = {"type": "string"}
    fields = ("type", "title", "code", "detail", "instance", "next_step", "request_id")
    return {
        "type": "object",
        "required": ["type", "title", "status", "code"],
        "properties": {
            **dict.fromkeys(fields, text),
            "status": {"type": "integer"},
            "errors": {
                "type": "array",
                "items": {"type": "object", "additionalProperties": text},
            },
        },
    }
