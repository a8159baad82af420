"""`/auth/...`, `/v1/session`: people sign in at their provider, see their session and end it."""

from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_302_FOUND

from gateway.access import COOKIE, Begun, People, SessionFacts, Sessions
from gateway.api.bodies import read_body
from gateway.api.guard import actor_of, caller_of
from gateway.api.services import HubRequest
from gateway.errors import UsageFault

__all__ = ["CSRF_COOKIE", "ROUTES", "BreakGlassOrder", "EndOrder"]

CSRF_COOKIE = "__Host-remithub-csrf"
"""Readable by the page, which repeats it in `X-CSRF-Token`."""

_SIGN_IN = "__Host-remithub-sign-in"

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>RemitHub</title>
<meta http-equiv="refresh" content="0;url={to}"><p><a href="{to}">Go on</a></p></html>
"""
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; object-src 'none'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
}


class BreakGlassOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Name, password, and what has happened."""

    user: Annotated[str, msgspec.Meta(max_length=100)]
    password: Annotated[str, msgspec.Meta(max_length=1024)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class EndOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why; for the audit."""

    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request comes from; `name` is the session's, the key's or the token's."""

    actor: str
    roles: tuple[str, ...]
    name: str


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
    begun, to = await _people(request).finish(
        code=code, state=begun_as, issuer=iss, browser=request.cookies.get(_SIGN_IN, "")
    )
    page = _PAGE.format(to=to.replace("&", "&amp;").replace('"', "%22").replace("<", "%3C"))
    gone = _cookie(_SIGN_IN, "", 0, samesite="lax")
    cookies = [*_session_cookies(begun), gone]
    return Response(page, media_type="text/html", headers=_PAGE_HEADERS, cookies=cookies)


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
    begun = await _people(request).break_glass(
        user=order.user, password=order.password, reason=order.reason
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
    await _people(request).allow_break_glass(by=actor_of(request), reason=order.reason)
    return Allowed(break_glass=True)


@get("/v1/session", summary="Who is signed in", tags=["access"])
async def show_session(request: HubRequest) -> SessionView:
    """Return who this request comes from."""
    actor = caller_of(request).actor
    return SessionView(actor=actor.id, roles=tuple(sorted(actor.duties)), name=actor.credential)


@post("/v1/session/end", status_code=HTTP_200_OK, summary="Sign out", tags=["access"])
async def end_session(request: HubRequest) -> Response[dict[str, bool]]:
    """End this session."""
    name = caller_of(request).actor.credential
    await _sessions(request).end(name, by=actor_of(request))
    gone = [_cookie(COOKIE, "", 0), _cookie(CSRF_COOKIE, "", 0, httponly=False)]
    return Response({"ended": True}, cookies=gone)


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
    break_glass,
    allow_break_glass,
    show_session,
    end_session,
    list_sessions,
    end_other,
)
