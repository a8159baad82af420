"""OpenAPI at `/schema`, with the contracts' schemas from our own files."""

from typing import Any

from litestar import Request
from litestar.enums import OpenAPIMediaType
from litestar.openapi.plugins import OpenAPIRenderPlugin

from gateway.api.problems import MEDIA_TYPE
from gateway.api.services import services

__all__ = ["SchemaPage"]

_PROBLEM = "#/components/schemas/problem"


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
        schemas = {contract.name: contract.schema for contract in contracts.values()}
        components["schemas"] = {**components.get("schemas", {}), **schemas, "problem": _problem()}
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document = {
            **openapi_schema,
            "paths": {
                path: {verb: _with_problem(operation) for verb, operation in item.items()}
                for path, item in openapi_schema.get("paths", {}).items()
            },
            "components": components,
            "security": [{"token": []}],
        }
        return self.render_json(request, document)


def _with_problem(operation: Any) -> Any:
    """Answers that are no success are our problem documents, not the framework's."""
    if not isinstance(operation, dict) or "responses" not in operation:
        return operation
    good = {code: answer for code, answer in operation["responses"].items() if code[0] == "2"}
    problem = {
        "description": "A problem (RFC 9457) with a stable code.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": _PROBLEM}}},
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
