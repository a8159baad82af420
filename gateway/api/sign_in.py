"""`/auth/...`, `/v1/session`: people sign in at their provider, see their session and end it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from urllib.parse import parse_qs

import msgspec
from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_302_FOUND

from gateway.access import (
    COOKIE,
    DENIED,
    ActorKind,
    Begun,
    Emergency,
    Forbidden,
    People,
    SessionFacts,
    Sessions,
    Unauthenticated,
    read_presented,
)
from gateway.api.bodies import read_body
from gateway.api.door import NOBODY
from gateway.api.guard import actor_of, caller_of, note_denial
from gateway.api.services import HubRequest, services
from gateway.errors import NotFound, UsageFault
from gateway.pipeline import milliseconds
from gateway.store import AuditEntry

__all__ = ["CSRF_COOKIE", "ROUTES", "BreakGlassOrder", "EndOrder", "EndOwnOrder", "EndPersonOrder"]

CSRF_COOKIE = "__Host-remithub-csrf"
"""Readable by the page, which repeats it in `X-CSRF-Token`."""

FRESH_SECONDS = 15 * 60
"""So long ago at most must somebody have signed in who ends another session (ASVS 7.5.2)."""

_SIGN_IN = "__Host-remithub-sign-in"
_MAX_FORM = 32_768

_ALL_OF_IT = '"cache", "storage"'
"""What a browser forgets at the end of a session (ASVS 14.3.1); "cookies" would take those of the
whole domain along."""

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>RemitHub</title>
<meta http-equiv="refresh" content="0;url={to}"><p><a href="{to}">Go on</a></p></html>
"""
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; object-src 'none'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
}


class BreakGlassOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Name, password, the code of this half minute, and what has happened."""

    user: Annotated[str, msgspec.Meta(max_length=100)]
    password: Annotated[str, msgspec.Meta(max_length=1024)]
    code: Annotated[str, msgspec.Meta(max_length=20)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class EndOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why; for the audit."""

    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


class EndOwnOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which of one's own sessions to end, by its name; this one where none is said."""

    name: Annotated[str, msgspec.Meta(max_length=100)] = ""


class EndPersonOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose sessions to end, and why."""

    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request comes from; `name` is the session's, the key's or the token's. `sessions` are
    those of the same person that are good now."""

    actor: str
    roles: tuple[str, ...]
    name: str
    sessions: list[SessionFacts] = []


class Allowed(msgspec.Struct, frozen=True):
    """The local account is good until somebody signs in at the provider."""

    break_glass: bool


@get(
    "/auth/login",
    status_code=HTTP_302_FOUND,
    include_in_schema=False,  # for browsers
    tags=["access"],
)
async def sign_in(request: HubRequest, to: FromQuery[str] = "/") -> Response[None]:
    """Send the browser to the provider; it comes back to /auth/callback and then goes on `to`."""
    await _sessions(request).give_up(request.cookies.get(COOKIE, ""))
    started = await _people(request).start(to)
    cookie = _cookie(_SIGN_IN, started.browser, started.seconds, samesite="lax")
    headers = {"Location": started.url}
    return Response(None, status_code=HTTP_302_FOUND, headers=headers, cookies=[cookie])


@get(
    "/auth/callback",
    media_type="text/html",
    include_in_schema=False,  # for browsers
    tags=["access"],
)
async def come_back(
    request: HubRequest,
    code: FromQuery[str] = "",
    begun_as: Annotated[str, QueryParameter(name="state")] = "",
    iss: FromQuery[str] = "",
) -> Response[str]:
    """Redeem the code, begin the session, and go on.

    A page and no redirect: a cookie that is `SameSite=Strict` does not go along where the way
    began at another site.
    """
    async with _on_record(request, "provider") as source:
        begun, to = await _people(request).finish(
            code=code,
            state=begun_as,
            issuer=iss,
            browser=request.cookies.get(_SIGN_IN, ""),
            source=source,
        )
    page = _PAGE.format(to=to.replace("&", "&amp;").replace('"', "%22").replace("<", "%3C"))
    gone = _cookie(_SIGN_IN, "", 0, samesite="lax")
    cookies = [*_session_cookies(begun), gone]
    return Response(page, media_type="text/html", headers=_PAGE_HEADERS, cookies=cookies)


@post(
    "/auth/logout",
    status_code=HTTP_200_OK,
    include_in_schema=False,  # for the provider
    tags=["access"],
)
async def logged_out(request: HubRequest) -> None:
    """Take the provider's word that somebody has signed out (OpenID Connect Back-Channel Logout)."""
    form = parse_qs((await request.body())[:_MAX_FORM].decode("ascii", "replace"))
    await _people(request).logged_out("".join(form.get("logout_token", [""])[:1]))


@post(
    "/auth/break-glass",
    status_code=HTTP_201_CREATED,
    summary="Sign in for an emergency",
    tags=["access"],
)
async def break_glass(request: HubRequest) -> Response[dict[str, int]]:
    """Let the local administrator in for four hours; only while the provider's sign-in has never
    worked, or was said to be away."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # what no form of another site can send
        raise UsageFault("The body is not JSON.", code="request_invalid")
    order = await read_body(request, BreakGlassOrder)
    async with _on_record(request, "break-glass") as source:
        begun = await _emergency(request).begin(
            user=order.user,
            password=order.password,
            code=order.code,
            reason=order.reason,
            source=source,
        )
    return Response(
        {"seconds": begun.seconds},
        status_code=HTTP_201_CREATED,
        cookies=_session_cookies(begun),
    )


@post(
    "/v1/break-glass/allow",
    status_code=HTTP_200_OK,
    summary="Let the local account in again",
    tags=["access"],
)
async def allow_break_glass(request: HubRequest) -> Allowed:
    """Say that the identity provider is away: until somebody signs in there, the password counts."""
    order = await read_body(request, EndOrder)
    await _emergency(request).allow(by=actor_of(request), reason=order.reason)
    return Allowed(break_glass=True)


@get("/v1/session", summary="Who is signed in", tags=["access"])
async def show_session(request: HubRequest) -> SessionView:
    """Return who this request comes from, and where else they are signed in."""
    actor = caller_of(request).actor
    return SessionView(
        actor=actor.id,
        roles=tuple(sorted(actor.duties)),
        name=actor.credential,
        sessions=await _own(request),
    )


@post("/v1/session/end", status_code=HTTP_200_OK, summary="Sign out", tags=["access"])
async def end_session(request: HubRequest) -> Response[dict[str, bool]]:
    """End this session, or another one of the same person."""
    order = await read_body(request, EndOwnOrder)
    this = caller_of(request).actor.credential
    name = order.name or this
    if name != this:
        await _must_be_own_and_fresh(request, this, name)
    await _sessions(request).end(name, by=actor_of(request))
    gone = [_cookie(COOKIE, "", 0), _cookie(CSRF_COOKIE, "", 0, httponly=False)]
    if name != this:
        return Response({"ended": True})
    return Response({"ended": True}, headers={"Clear-Site-Data": _ALL_OF_IT}, cookies=gone)


@get("/v1/sessions", summary="Who is signed in now", tags=["access"])
async def list_sessions(request: HubRequest, subject: FromQuery[str] = "") -> list[SessionFacts]:
    """Return the sessions that are good now, of everybody or of one person."""
    return await _sessions(request).list(subject)


@post(
    "/v1/sessions/{session_name:str}/end",
    status_code=HTTP_200_OK,
    summary="End somebody's session",
    tags=["access"],
)
async def end_other(request: HubRequest, session_name: FromPath[str]) -> dict[str, bool]:
    """End a session by its name; it is gone with its next request, on every node."""
    order = await read_body(request, EndOrder)
    await _sessions(request).end(session_name, by=actor_of(request), reason=order.reason)
    return {"ended": True}


@post(
    "/v1/sessions/end",
    status_code=HTTP_200_OK,
    summary="End every session of a person",
    tags=["access"],
)
async def end_person(request: HubRequest) -> dict[str, bool]:
    """End every session of a person who has left, or has lost a device."""
    order = await read_body(request, EndPersonOrder)
    await _sessions(request).end_all(order.subject, by=actor_of(request), reason=order.reason)
    return {"ended": True}


@asynccontextmanager
async def _on_record(request: HubRequest, way: str) -> AsyncIterator[str]:
    """Give the address that asks to be let in; put on record that it was not."""
    hub = services(request)
    source = read_presented(request.scope, hub.bundle.config.hub.access).source
    try:
        yield source
    except Unauthenticated:
        detail = {"source": source, "way": way}
        entry = AuditEntry(NOBODY, DENIED, "", outcome="denied", detail=detail)
        await note_denial(hub.store, request.app.state["denials"], entry, source)
        raise


async def _must_be_own_and_fresh(request: HubRequest, this: str, other: str) -> None:
    """Raise NotFound for a session of somebody else's, Forbidden where the sign-in is long ago."""
    began = {one.name: one.created_at for one in await _own(request)}
    if this not in began or other not in began:
        raise NotFound("There is no such session.")
    now = milliseconds(services(request).ports.clock.now())
    if now - began[this] > FRESH_SECONDS * 1000:
        raise Forbidden(
            "Ending another session needs a fresh sign-in.",
            code="forbidden",
            next_step="sign in anew at /auth/login, then do it again.",
        )


async def _own(request: HubRequest) -> list[SessionFacts]:
    """Return the live sessions of the person who asks."""
    actor = caller_of(request).actor
    if actor.kind is not ActorKind.PERSON:
        return []
    return await _sessions(request).list(actor.id.partition(":")[2])


def _emergency(request: HubRequest) -> Emergency:
    found: Emergency = request.app.state["emergency"]
    return found


def _people(request: HubRequest) -> People:
    found: People = request.app.state["people"]
    return found


def _sessions(request: HubRequest) -> Sessions:
    found: Sessions = request.app.state["sessions"]
    return found


def _session_cookies(begun: Begun) -> list[Cookie]:
    return [
        _cookie(COOKIE, begun.session, begun.seconds),
        _cookie(CSRF_COOKIE, begun.csrf, begun.seconds, httponly=False),
    ]


def _cookie(
    name: str, value: str, seconds: int, *, samesite: str = "strict", httponly: bool = True
) -> Cookie:
    return Cookie(
        key=name,
        value=value,
        max_age=seconds,
        path="/",
        secure=True,
        httponly=httponly,
        samesite="lax" if samesite == "lax" else "strict",
    )


ROUTES = (
    sign_in,
    come_back,
    logged_out,
    break_glass,
    allow_break_glass,
    show_session,
    end_session,
    list_sessions,
    end_other,
    end_person,
)
