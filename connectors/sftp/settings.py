"""Options of the SFTP connector: the one place where they are written."""

from typing import Annotated, Literal

from msgspec import Meta

from connectors.listing import FilePolling
from connectors.secret_text import SECRET_PATTERN

__all__ = ["Settings"]


class Settings(FilePolling, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Takes files from a folder on an SFTP server once they have stopped changing, or puts
    files there."""

    host: Annotated[str, Meta(min_length=1, description="Server name or address.")]
    user: Annotated[str, Meta(min_length=1, description="User name.")]
    host_keys: Annotated[
        list[Annotated[str, Meta(pattern="^[a-z0-9@.-]+ [A-Za-z0-9+/=]+( .*)?$")]],
        Meta(
            min_length=1,
            max_length=2,
            description="Public keys the server may show, as in `ssh-keyscan`'s output without "
            "the host; two for a change of keys. No other is ever trusted.",
        ),
    ]
    port: Annotated[int, Meta(ge=1, le=65535, description="Port.")] = 22
    password: Annotated[
        str, Meta(pattern=SECRET_PATTERN, description="Password, as `${secret:NAME}`.")
    ] = ""
    private_key: Annotated[
        str,
        Meta(
            pattern=SECRET_PATTERN,
            description="Private key (OpenSSH or PEM text), as `${secret:NAME}`.",
        ),
    ] = ""
    passphrase: Annotated[
        str,
        Meta(
            pattern=SECRET_PATTERN,
            description="Passphrase of the private key, as `${secret:NAME}`.",
        ),
    ] = ""
    algorithms: Annotated[
        Literal["modern", "compatible"],
        Meta(description="`compatible` also allows CBC, SHA-1 and MD5, for old servers."),
    ] = "modern"
    connections: Annotated[int, Meta(ge=1, le=8, description="Connections kept at most.")] = 2
    channels: Annotated[
        int, Meta(ge=1, le=10, description="SFTP sessions per connection at most.")
    ] = 4
    connect_seconds: Annotated[
        float, Meta(gt=0, le=120, description="To be connected and let in, per step.")
    ] = 10.0
    io_seconds: Annotated[
        float, Meta(gt=0, le=600, description="Of the server's silence before giving up.")
    ] = 30.0
    keepalive_seconds: Annotated[
        int, Meta(ge=0, le=3600, description="Between signs of life on idle connections; 0: none.")
    ] = 30
