"""OpenAPI 3.1 at `/schema`: the routes with every answer they give, the contracts from our files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec
from litestar import Request
from litestar.enums import OpenAPIMediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import License

from gateway.access import RIGHTS, Condition, ProposalFacts
from gateway.api.answers import Body, Shape, problems_of
from gateway.api.described import (
    ANSWERS,
    BODIES,
    CHANGES,
    FORMS,
    HEADERS,
    LINKS,
    OWN_QUESTIONS,
    PARAMETERS,
    QUESTIONS,
    SECURITY,
    SIGNATURE,
    SIGNED,
    TAGS,
)
from gateway.api.messages import takers
from gateway.api.once import MAKERS
from gateway.api.problems import MEDIA_TYPE, PROBLEMS, Problem
from gateway.api.rules import Rule, rule_of
from gateway.api.services import services
from gateway.governance import Profile, apply_profile
from gateway.governance.envelope import MEDIA_TYPE as EVENT_TYPE
from gateway.governance.export import Published, component_name, newest, types_of

__all__ = ["SchemaPage", "described_as", "openapi_document"]

Json = dict[str, Any]
Majors = list[Published]

_HERE = "#/components/schemas/{name}"
_DOCUMENTS = ("/v1/messages/", "/v1/feeds/", "/v1/contracts/{name}/versions/")
_TAGGED = (
    "/v1/messages/{message_id}",
    "/v1/interfaces/{name}",
    "/v1/set-aside/{aside_id}",
    "/v1/contracts/{name}/versions/{version}",
)
_CONDITIONAL = "/v1/messages/{message_id}"
_TOO_MANY = 429
_RETRY = (429, 503, 507)
_CONTRACT = "{contract}"
_FOUR_EYES = frozenset({Condition.PROPOSE, Condition.APPROVE, Condition.APPROVAL})


def described_as() -> OpenAPIConfig:
    """Return how the routes are described; an operation is called like the function behind it."""
    return OpenAPIConfig(
        title="RemitHub",
        version="1",
        summary="Payment events, remittances and their posting, between the systems of a hospital.",
        description="Hand over files and messages, see what became of them, act on dead letters.",
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        path="/schema",
        use_handler_docstrings=True,
        operation_id_creator=lambda handler, _method, _path: handler.handler_name,
        render_plugins=[SchemaPage()],
    )


class SchemaPage(OpenAPIRenderPlugin):
    """Gives the document as JSON; it fetches nothing from anywhere, so there is no page around it."""

    def __init__(self) -> None:
        super().__init__(
            path=["/", "/openapi.json"], media_type=OpenAPIMediaType.OPENAPI_JSON, favicon=""
        )
        self._made: tuple[str, bytes] = ("", b"")

    def render(self, request: Request[Any, Any, Any], openapi_schema: Json) -> bytes:
        """Return the document with the contracts in force."""
        bundle = services(request).bundle
        if self._made[0] != bundle.hash:
            in_force = [
                Published(name=one.name, version=one.version, schema=one.schema)
                for one in bundle.contracts.values()
            ]
            taken = {one.name: sorted(takers(bundle, one.name)) for one in in_force}
            document = openapi_document(openapi_schema, in_force, taken)
            self._made = (bundle.hash, self.render_json(request, document))
        return self._made[1]


def openapi_document(
    routes: Json, contracts: Iterable[Published], taken: Mapping[str, Sequence[str]] = {}
) -> Json:
    """Return what the framework knows of the routes, made complete.

    `taken` names, by contract, the interfaces that take its documents, where they are known.

    Every route lists its bodies, headers, and each status with the codes of its problems; a route
    that takes documents is there once per contract, with that contract's schema and examples.
    `routes` is an OpenAPI document, and stays as it is.
    """
    chosen = newest(contracts)
    paths: Json = {}
    for path, item in routes["paths"].items():
        for name, majors in _per_contract(path, chosen):
            paths.setdefault(name, {}).update(
                {
                    verb: _operation(path, verb, operation, majors, taken)
                    for verb, operation in item.items()
                    if isinstance(operation, dict) and (not majors) == _plain(path, verb)
                }
            )
    document = {
        **routes,
        "paths": {path: item for path, item in sorted(paths.items()) if item},
        "components": _components(routes, chosen),
        "security": [{name: []} for name in SECURITY],
        "tags": [{"name": name, "description": words} for name, words in TAGS.items()],
    }
    complete: Json = msgspec.json.decode(msgspec.json.encode(document))  # a default may be a tuple
    return complete


def _plain(path: str, verb: str) -> bool:
    """Tell whether an operation is described once, not once per contract."""
    return _body(path, verb) is not Body.DOCUMENT


def _body(path: str, verb: str) -> Body:
    return BODIES[path].kind if verb == "post" and path in BODIES else Body.NONE


def _per_contract(path: str, contracts: Majors) -> Iterator[tuple[str, Majors]]:
    """Yield a path as it is, and once more for each contract where its name is part of it, with
    the newest version of each of that contract's majors."""
    yield path, []
    if _CONTRACT in path:
        for name, majors in groupby(contracts, key=lambda one: one.name):
            yield path.replace(_CONTRACT, name), list(majors)


def _components(routes: Json, contracts: list[Published]) -> Json:
    components: Json = dict(routes.get("components", {}))
    kinds = [body.struct for body in BODIES.values() if body.struct is not None]
    _, ours = msgspec.json.schema_components([Problem, ProposalFacts, *kinds], ref_template=_HERE)
    closed = (
        msgspec.structs.replace(one, schema=apply_profile(one.schema, Profile.WRITER))
        for one in contracts
    )
    components["schemas"] = {
        **components.get("schemas", {}),
        **ours,
        **{name: schema for one in closed for name, schema in types_of(one).items()},
    }
    components["headers"] = HEADERS
    components["securitySchemes"] = {**SECURITY, **SIGNATURE}
    return components


# -- one operation -----------------------------------------------------------------------------


def _operation(
    path: str, verb: str, operation: Json, majors: Majors, taken: Mapping[str, Sequence[str]]
) -> Json:
    shape = _shape(path, verb, operation)
    own = {
        key: value
        for key, value in operation.items()
        if key not in ("responses", "parameters", "requestBody", "deprecated")
    }
    parameters = [_parameter(one) for one in operation.get("parameters", [])]
    if majors:
        own["operationId"] = f"{operation['operationId']}_{majors[0].name.replace('-', '_')}"
        own["summary"] = f"{operation['summary']}: {majors[0].name}"
        parameters = [
            _where(one, taken.get(majors[0].name, ())) if one["name"] == "interface" else one
            for one in parameters
            if one["name"] != "contract"
        ]
    parameters += QUESTIONS["every"]
    parameters += QUESTIONS["keyed"] if shape.keyed else []
    parameters += SIGNED if shape.body is Body.SIGNED else []
    parameters += QUESTIONS["created"] if shape.intake else []
    parameters += QUESTIONS["reason"] if shape.recorded or shape.proposed else []
    parameters += QUESTIONS["proposed"] if shape.proposed else []
    if shape.unsafe and path in CHANGES:
        parameters += QUESTIONS["changes"]
    if not shape.unsafe and path in OWN_QUESTIONS:
        parameters += OWN_QUESTIONS[path]
    if shape.unsafe and shape.guarded:
        parameters += QUESTIONS["unsafe"]
    body = {"requestBody": _request(path, majors)} if shape.body is not Body.NONE else {}
    return {
        **own,
        "parameters": parameters,
        **body,
        "responses": {**_good(path, operation, shape), **_problems(shape)},
        **_right(path, verb),
    }


def _right(path: str, verb: str) -> Json:
    """Say which right a route asks for; it is also the scope that a credential needs."""
    rule = rule_of(verb.upper(), path)
    if rule is None or rule.right is None:
        ways = SIGNATURE if rule and rule.signed else {}
        return {"security": [{name: []} for name in ways]} if rule else {}
    further = [*rule.further, *([rule.then] if rule.then else [])]
    more = {"x-further-rights": [right.value for right in further]} if further else {}
    return {"x-right": rule.right.value, **more}


def _shape(path: str, verb: str, operation: Json) -> Shape:
    body = _body(path, verb)
    places = {one["in"] for one in operation.get("parameters", [])}
    names = {one["name"] for one in operation.get("parameters", [])}
    rule = rule_of(verb.upper(), path)
    return Shape(
        path=path,
        unsafe=verb != "get",
        replaces=verb in ("put", "patch", "delete") or (verb == "post" and path in CHANGES),
        named="path" in places,
        asks="query" in places,
        follows="after" in names,
        guarded=rule is None or rule.right is not None,
        recorded=rule is not None and bool(rule.reads),
        keyed=verb == "post" and (path in MAKERS or body in (Body.FILE, Body.DOCUMENT)),
        proposed=rule is not None and _needs_another(rule),
        body=body,
    )


def _needs_another(rule: Rule) -> bool:
    """Tell whether there are people who may do it only once another person has approved it."""
    rights = [right for right in (rule.right, *rule.further) if right]
    return any(not _FOUR_EYES.isdisjoint(RIGHTS[right].values()) for right in rights)


def _parameter(given: Json) -> Json:
    """Return a parameter without what the framework says of it that holds anyway."""
    noise = ("deprecated", "allowEmptyValue", "allowReserved")
    own = {key: value for key, value in given.items() if key not in noise}
    more = PARAMETERS.get(given["name"], {}) if given["in"] == "query" else {}
    return own | {"schema": {**given["schema"], **more}}


def _where(parameter: Json, interfaces: Sequence[str]) -> Json:
    """Say which interfaces take a contract; where there are more than one, it must be named."""
    if not interfaces:
        return parameter
    several = len(interfaces) > 1
    names = [*interfaces] if several else ["", *interfaces]
    return {**parameter, "required": several, "schema": {"type": "string", "enum": names}}


def _request(path: str, majors: Majors) -> Json:
    body = BODIES[path]
    if majors:
        content: Json = {
            f"{one.media_type}; version={one.major}": _documents([one]) for one in majors
        }
        content["application/json"] = _documents(majors)
        content[EVENT_TYPE] = _events(majors)
    elif body.struct is not None:
        name = body.struct.__name__
        plain = {"$ref": _HERE.format(name=name)}
        schema: Json = {"allOf": [plain, *body.also]} if body.also else plain
        content = {"application/json": {"schema": schema}}
    elif body.kind is Body.ORDER:
        content = {"application/json": {"schema": {"type": "object"}}}
    elif body.kind is Body.SIGNED:
        content = {"application/json": {}, EVENT_TYPE: {}}
    else:
        content = {"application/octet-stream": {}}
    return {"required": body.required, "content": content}


def _events(majors: Majors) -> Json:
    """Return the schema of a CloudEvent whose data is such a document."""
    texts = {name: {"type": "string", "minLength": 1} for name in ("id", "source", "type")}
    properties = {"specversion": {"const": "1.0"}, **texts, "data": _documents(majors)["schema"]}
    return {"schema": {"type": "object", "required": [*properties], "properties": properties}}


def _documents(majors: Majors) -> Json:
    """Return the schema of a body that is a document of one of those versions, with examples."""
    references = [{"$ref": _HERE.format(name=component_name(one))} for one in majors]
    shown = {
        f"{one.name}-{one.version}-{example.name}": {"value": example.document}
        for one in majors
        for example in one.examples
    }
    schema: Json = references[0] if len(references) == 1 else {"anyOf": references}
    return {"schema": schema, **({"examples": shown} if shown else {})}


def _good(path: str, operation: Json, shape: Shape) -> Json:
    headers = ["X-Request-Id", *(("RateLimit-Policy", "RateLimit") if shape.guarded else ())]
    headers += ["Location", "Idempotency-Replayed"] if shape.intake else []
    headers += ["Idempotency-Replayed"] if path in MAKERS else []
    if path.startswith(_DOCUMENTS):
        headers += ["Hub-Contract", "Deprecation", "Sunset", "Link"]
    headers += ["ETag"] if path.startswith(_TAGGED) else []
    found = {}
    for status, answer in operation["responses"].items():
        if status[0] in "23":
            content = ANSWERS.get(path, {**answer.get("content", {}), **FORMS.get(path, {})})
            found[status] = {
                "description": "Taken: the sender may forget it." if shape.intake else "Done.",
                "headers": _named(headers),
                "content": content,
                **({"links": LINKS[own]} if (own := operation["operationId"]) in LINKS else {}),
            }
    if path == _CONDITIONAL:
        found["304"] = {"description": "You have it.", "headers": _named(headers)}
    if shape.unsafe and shape.proposed:
        found["202"] = {
            "description": "Kept as a proposal: another person decides.",
            "headers": _named([*headers, "Location"]),
            "content": {
                "application/json": {"schema": {"$ref": _HERE.format(name="ProposalFacts")}}
            },
        }
    return found


def _problems(shape: Shape) -> Json:
    return {str(status): _problem(status, codes) for status, codes in problems_of(shape).items()}


def _problem(status: int, codes: list[str]) -> Json:
    words = "; ".join(f"`{code}`: {PROBLEMS[code].title}" for code in codes)
    retry = status in _RETRY
    return {
        "description": words + ".",
        "headers": _named(
            [
                "X-Request-Id",
                *(["Retry-After"] if retry else []),
                *(["RateLimit-Policy", "RateLimit"] if status == _TOO_MANY else []),
                *(["WWW-Authenticate"] if status == 401 else []),
            ]
        ),
        "content": {MEDIA_TYPE: {"schema": {"$ref": _HERE.format(name="Problem")}}},
        "x-problem-codes": codes,
    }


def _named(headers: Iterable[str]) -> Mapping[str, Json]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
