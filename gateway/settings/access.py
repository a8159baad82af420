"""Typed structs for who may reach the API: `access:` in hub.yaml, and `clients/NAME.yaml`."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from connectors.secret_text import SECRET_PATTERN
from connectors.ssrf import Network

__all__ = [
    "MAX_KEY_DAYS",
    "AccessSettings",
    "BreakGlassSettings",
    "Certificate",
    "ClientSettings",
    "IssuerSettings",
    "PageSettings",
    "PeopleSettings",
    "TlsSettings",
]

MAX_KEY_DAYS = 365
"""The longest life of an API key."""

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Url = Annotated[str, Meta(pattern=r"^https?://[^\s?#]+$")]
Algorithm = Annotated[str, Meta(pattern=r"^(RS256|ES256|EdDSA|Ed25519)$")]
_ALGORITHMS = ("RS256", "ES256", "EdDSA", "Ed25519")
InNetwork = Annotated[
    Network,
    Meta(
        description="`public`: connected to at public addresses only. `internal`: anywhere; for one"
        " in a network of ours."
    ),
]


class Certificate(StrEnum):
    """What a client must show beside its credential."""

    OFF = "off"
    OPTIONAL = "optional"
    """A token that is bound to a certificate needs it; others need none."""
    REQUIRED = "required"
    """Nothing goes without one."""


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The API's own certificate. Paths are relative to the hub's root folder."""

    certificate: Annotated[str, Meta(description="PEM file with the chain.")]
    key: Annotated[str, Meta(description="PEM file with the private key, unencrypted.")]
    client_authorities: Annotated[
        str,
        Meta(
            description="PEM file of the authorities whose certificates clients may show; without"
            " it none is asked for."
        ),
    ] = ""
    client_revocations: Annotated[
        str,
        Meta(
            description="PEM file of the lists of what those authorities have revoked, one of each;"
            " after its `nextUpdate` a list lets nobody of that authority in."
        ),
    ] = ""


class IssuerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose access tokens are taken from systems (RFC 9068); keys from one fixed place."""

    issuer: Annotated[Url, Meta(description="The `iss` of its tokens, exactly.")]
    audience: Annotated[str, Meta(min_length=1, description="What `aud` must name.")]
    jwks_url: Annotated[str, Meta(description="Where its public keys are.")] = ""
    jwks_file: Annotated[str, Meta(description="Or in which file, below the root folder.")] = ""
    algorithms: Annotated[
        tuple[Algorithm, ...], Meta(min_length=1, description="Signatures that are taken.")
    ] = _ALGORITHMS
    network: InNetwork = Network.PUBLIC
    leeway_seconds: Annotated[
        int, Meta(ge=0, le=300, description="How far its clock may be off.")
    ] = 30


class PeopleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How people sign in: OpenID Connect, code flow with PKCE."""

    issuer: Annotated[Url, Meta(description="The provider; its discovery document is read there.")]
    network: InNetwork = Network.PUBLIC
    client_id: Annotated[str, Meta(min_length=1, description="How it knows the hub.")]
    client_secret: Annotated[
        str, Meta(description="The name of the secret it knows the hub by; none: a public client.")
    ] = ""
    public_url: Annotated[Url, Meta(description="How browsers reach the hub, without a path.")]
    scopes: Annotated[str, Meta(description="What is asked for.")] = "openid profile"
    claim: Annotated[str, Meta(description="The claim that holds a person's groups.")] = "groups"
    roles: Annotated[
        dict[str, tuple[str, ...]],
        Meta(description="Group -> roles; a person without any role is not let in."),
    ] = {}
    acr: Annotated[
        tuple[str, ...], Meta(description="One of these `acr` is needed; empty: see `amr`.")
    ] = ()
    amr: Annotated[
        tuple[str, ...],
        Meta(
            description="Without `acr`, one of these methods (RFC 8176) is needed; empty: the"
            " provider is trusted to ask everybody for a second factor."
        ),
    ] = ("mfa",)
    algorithms: Annotated[
        tuple[Algorithm, ...], Meta(min_length=1, description="Signatures that are taken.")
    ] = _ALGORITHMS


class PageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the security contact is told when that account is used, or shut after wrong tries: a
    signed CloudEvent (Standard Webhooks), sent again for some minutes until it is taken. It says who,
    when, from which address, until when; never the reason that was given, which may name a patient
    and stays on the audit record."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?(\?[^\s#]*)?$",
            description="Address it is posted to.",
        ),
    ]
    secrets: Annotated[
        tuple[Annotated[str, Meta(pattern=SECRET_PATTERN)], ...],
        Meta(
            min_length=1,
            max_length=2,
            description="Keys that sign, for this alone, as `${secret:NAME}`: `whsec_`"
            " (HMAC-SHA256) or `whsk_` (Ed25519). Two while a key is changed.",
        ),
    ]
    network: InNetwork = Network.PUBLIC


class BreakGlassSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The local administrator for emergencies: no other person has a password here."""

    user: Annotated[Name, Meta(description="The name to sign in with.")]
    secret: Annotated[
        str, Meta(description="The secret that holds what `remithub client password` printed.")
    ]
    page: Annotated[
        PageSettings | None, Meta(description="Where the security contact is told.")
    ] = None


class AccessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may reach the API, and how. Without it: this machine only, by the token file."""

    tls: Annotated[TlsSettings | None, Meta(description="Serve HTTPS.")] = None
    proxies: Annotated[
        tuple[str, ...],
        Meta(description="Addresses or networks of proxies that end TLS and are believed."),
    ] = ()
    certificate_header: Annotated[
        str,
        Meta(
            pattern=r"^$|^[A-Za-z][A-Za-z0-9-]{0,62}$",
            description="Header in which such a proxy hands on the client's certificate (PEM,"
            " percent-encoded or base64) or its SHA-256.",
        ),
    ] = ""
    issuers: Annotated[
        tuple[IssuerSettings, ...], Meta(description="Whose tokens systems may bring.")
    ] = ()
    people: Annotated[PeopleSettings | None, Meta(description="How people sign in.")] = None
    break_glass: Annotated[
        BreakGlassSettings | None, Meta(description="The local administrator for emergencies.")
    ] = None


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One connected system that calls the API. An empty list means nothing, never everything."""

    client: Annotated[Name, Meta(description="Its name; also the file's name.")]
    title: Annotated[str, Meta(description="For people.")] = ""
    owner: Annotated[str, Meta(description="Who answers for it.")] = ""
    interfaces: Annotated[
        tuple[Name, ...], Meta(description="The interfaces that are its own.")
    ] = ()
    scopes: Annotated[
        tuple[str, ...], Meta(description="What its credentials may be good for, at most.")
    ] = ()
    roles: Annotated[
        tuple[str, ...], Meta(description="What it is; more than a system only for automation.")
    ] = ("connected-system",)
    products: Annotated[tuple[Name, ...], Meta(description="The API products granted.")] = ()
    subject: Annotated[
        str,
        Meta(description="Its `client_id` in tokens, as ISSUER#ID or only ID; none: no tokens."),
    ] = ""
    certificate: Annotated[
        Certificate, Meta(description="Whether it must show a certificate.")
    ] = Certificate.OPTIONAL
    thumbprints: Annotated[
        tuple[str, ...],
        Meta(description="SHA-256 of its certificates (base64url), where keys are bound too."),
    ] = ()
    webhook_hosts: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]*(:[0-9]{1,5})?$")], ...],
        Meta(
            description="Hosts in our own network, as NAME or NAME:PORT, that its subscriptions may"
            " go to; any other must be public."
        ),
    ] = ()
    key_days: Annotated[
        int, Meta(ge=1, le=MAX_KEY_DAYS, description="How long its API keys live.")
    ] = 90
    enabled: Annotated[bool, Meta(description="False: nothing of it is let in.")] = True
