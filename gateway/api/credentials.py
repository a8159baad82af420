"""`/v1/clients`, `/v1/keys`: which systems may call, and the keys they do it with."""

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED

from gateway.access import KeyFacts, Keys, NewKey, Right
from gateway.api.bodies import read_body
from gateway.api.guard import actor_of
from gateway.api.services import HubRequest, services
from gateway.errors import NotFound
from gateway.settings import ClientSettings

__all__ = ["ROUTES", "KeyOrder", "RevokeOrder", "RotateOrder"]

Label = Annotated[str, msgspec.Meta(max_length=100, pattern=r"^[\x20-\x7e]*$")]


class KeyOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What kind of key: all the client's scopes and its number of days where nothing is said."""

    scopes: tuple[Right, ...] = ()
    days: Annotated[int, msgspec.Meta(ge=0, le=365)] = 0
    label: Label = ""


class RotateOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many hours the old key is still good."""

    overlap_hours: Annotated[int, msgspec.Meta(ge=0, le=720)] = 24
    label: Label = ""


class RevokeOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why; for the audit."""

    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret. Times are milliseconds since the epoch, 0 for never; `used_at` is
    kept to the hour."""

    key_id: str
    client: str
    state: str
    scopes: tuple[str, ...]
    label: str
    created_at: int
    created_by: str
    expires_at: int
    revoked_at: int
    used_at: int


class NewKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A new key; `key` is shown this once and kept nowhere."""

    key: str
    facts: KeyView


class ClientView(msgspec.Struct, frozen=True, kw_only=True):
    """A connected system as `clients/NAME.yaml` has it, and how many live keys it has."""

    client: str
    title: str
    owner: str
    enabled: bool
    interfaces: tuple[str, ...]
    scopes: tuple[str, ...]
    roles: tuple[str, ...]
    products: tuple[str, ...]
    live_keys: int


@get("/v1/clients", summary="Which systems may call", tags=["access"])
async def list_clients(request: HubRequest) -> list[ClientView]:
    """Return every client of the configuration in force."""
    keys = _keys(request)
    now = keys.now()
    live = [key.client for key in await keys.list() if key.live(now)]
    clients = services(request).bundle.config.clients
    plain = ("client", "title", "owner", "enabled", "interfaces", "scopes", "roles", "products")
    return [
        ClientView(**{name: getattr(client, name) for name in plain}, live_keys=live.count(name))
        for name, client in sorted(clients.items())
    ]


@get("/v1/keys", summary="Their keys, without secrets", tags=["access"])
async def list_keys(request: HubRequest, client: FromQuery[str] = "") -> list[KeyView]:
    """Return every key that was ever made, or one client's, the oldest first."""
    keys = _keys(request)
    now = keys.now()
    return [_view(facts, now) for facts in await keys.list(client)]


@post(
    "/v1/clients/{client:str}/keys",
    status_code=HTTP_201_CREATED,
    summary="Make a key",
    tags=["access"],
)
async def create_key(request: HubRequest, client: FromPath[str]) -> Response[NewKeyView]:
    """Make a key of a client; the answer is the only place where its secret is ever shown."""
    order = await read_body(request, KeyOrder)
    made = await _keys(request).create(
        _client(request, client),
        by=actor_of(request),
        scopes=order.scopes,
        days=order.days,
        label=order.label,
    )
    return _shown(request, made)


@post(
    "/v1/clients/{client:str}/keys/rotate",
    status_code=HTTP_201_CREATED,
    summary="Make the next key",
    tags=["access"],
)
async def rotate_key(request: HubRequest, client: FromPath[str]) -> Response[NewKeyView]:
    """Make the successor of the client's key; the old one is good for the overlap."""
    order = await read_body(request, RotateOrder)
    made = await _keys(request).rotate(
        _client(request, client),
        by=actor_of(request),
        overlap_hours=order.overlap_hours,
        label=order.label,
    )
    return _shown(request, made)


@post(
    "/v1/keys/{key_id:str}/revoke", status_code=HTTP_200_OK, summary="End a key", tags=["access"]
)
async def revoke_key(request: HubRequest, key_id: FromPath[str]) -> KeyView:
    """End a key at once; other nodes follow within seconds."""
    order = await read_body(request, RevokeOrder)
    keys = _keys(request)
    facts = await keys.revoke(key_id, by=actor_of(request), reason=order.reason)
    return _view(facts, keys.now())


def _keys(request: HubRequest) -> Keys:
    found: Keys = request.app.state["credentials"]
    return found


def _client(request: HubRequest, name: str) -> ClientSettings:
    clients = services(request).bundle.config.clients
    if name not in clients:
        raise NotFound(
            "There is no such client.", next_step="write clients/NAME.yaml, then reload."
        )
    return clients[name]


def _shown(request: HubRequest, made: NewKey) -> Response[NewKeyView]:
    shown = NewKeyView(key=made.key, facts=_view(made.facts, _keys(request).now()))
    return Response(shown, status_code=HTTP_201_CREATED)


def _view(facts: KeyFacts, now: int) -> KeyView:
    state = "live" if facts.live(now) else "revoked" if facts.revoked_at else "expired"
    plain = {name: getattr(facts, name) for name in KeyFacts.__struct_fields__}
    return KeyView(state=state, **plain)


ROUTES = (list_clients, list_keys, create_key, rotate_key, revoke_key)
