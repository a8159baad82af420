"""The key file and what is done with its keys: sealing, opening, blind indexes."""

import base64
import binascii
import fcntl
import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path

import msgspec

from gateway.errors import StorageFault
from gateway.store.sealing import damaged, open_sealed, seal, sealed_with

__all__ = ["BACKUP_NOTICE", "KeyRing"]

BACKUP_NOTICE = (
    "Without a backup of the key file every stored body is lost for good. "
    "Keep a copy apart from the database, as safe as the data itself."
)
"""What the log says when the file is created, and `doctor` every time."""

_KEY_BYTES = 32


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    format: str
    active: str
    keys: dict[str, str]
    index: str


class KeyRing:
    """The key-encryption keys by id, and the separate secret of the blind indexes.

    The index secret never changes with a KEK: rotation must not touch what is searched by.
    """

    def __init__(self, keys: dict[bytes, bytes], *, active: bytes, index: bytes) -> None:
        self.created = False
        """Whether `open` made the file just now: the moment to show `BACKUP_NOTICE`."""
        self._keys = keys
        self._active = active
        self._index = index

    @classmethod
    def open(cls, path: Path) -> "KeyRing":
        """Read the key file, or create it (mode 0600) when there is none.

        Raises StorageFault: `key_file_mode` when others may read it, `key_file_invalid` (also for a
        link: it is not followed).
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return cls._create(path)
        except OSError:
            raise _no_plain_file(path) from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _no_plain_file(path)
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise StorageFault(
                    f"The key file {path} may be read by others.",
                    code="key_file_mode",
                    next_step=f"run chmod 600 {path} and change the key if others had access.",
                )
            return cls.from_bytes(file.read())

    @classmethod
    def _create(cls, path: Path) -> "KeyRing":
        key_id = secrets.token_bytes(8)
        ring = cls(
            {key_id: secrets.token_bytes(_KEY_BYTES)},
            active=key_id,
            index=secrets.token_bytes(_KEY_BYTES),
        )
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made beside and moved: a power loss leaves no key file, or a whole one.
        part = path.with_name(path.name + ".part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if path.exists():  # another hub was first; what is open here may be its file
                part.unlink(missing_ok=True)
                return cls.open(path)
            os.fchmod(file.fileno(), 0o600)
            file.truncate(0)
            file.write(ring.to_bytes())
            file.flush()
            os.fsync(file.fileno())
            part.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        ring.created = True
        return ring

    @classmethod
    def from_bytes(cls, data: bytes) -> "KeyRing":
        """Read what `to_bytes` gave; StorageFault (`key_file_invalid`) on anything else."""
        try:
            file = msgspec.json.decode(data, type=_File)
            keys = {bytes.fromhex(name): base64.b64decode(k) for name, k in file.keys.items()}
            ring = cls(keys, active=bytes.fromhex(file.active), index=base64.b64decode(file.index))
        except (msgspec.MsgspecError, ValueError, binascii.Error):
            raise _invalid() from None
        sizes = {len(key) for key in (*keys.values(), ring._index)}
        if ring._active not in keys or sizes != {_KEY_BYTES} or any(len(k) != 8 for k in keys):
            raise _invalid()
        return ring

    def to_bytes(self) -> bytes:
        """Return the key file's content, secrets included."""
        file = _File(
            format="remithub-keys-1",
            active=self._active.hex(),
            keys={name.hex(): base64.b64encode(k).decode() for name, k in self._keys.items()},
            index=base64.b64encode(self._index).decode(),
        )
        return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"

    def seal(self, data: bytes, place: bytes) -> bytes:
        """Compress and seal under the active key, bound to `place`."""
        return seal(data, place, key_id=self._active, kek=self._keys[self._active])

    def open_sealed(self, sealed: bytes, place: bytes) -> bytes:
        """Open what `seal` gave; StorageFault (`body_damaged`) when anything differs."""
        kek = self._keys.get(sealed_with(sealed))
        if kek is None:
            raise damaged()
        return open_sealed(sealed, place, kek=kek)

    def seal_small(self, owner_id: str, plain: bytes) -> bytes:
        """Seal a column's value, such as `artifact.meta`, bound to the id of its row."""
        return self.seal(plain, b"small|" + owner_id.encode())

    def open_small(self, owner_id: str, sealed: bytes) -> bytes:
        """Open what `seal_small` gave for the same owner; StorageFault (`body_damaged`)."""
        return self.open_sealed(sealed, b"small|" + owner_id.encode())

    def seal_reason(self, owner_id: str, words: str) -> str:
        """Seal what a person wrote, as text bound to the id of its row; nothing stays nothing."""
        if not words:
            return ""
        raw = words.encode("utf-8", "backslashreplace")
        return base64.b64encode(self.seal_small(owner_id, raw)).decode()

    def open_reason(self, owner_id: str, sealed: str) -> str:
        """Open what `seal_reason` gave for the same owner; StorageFault (`body_damaged`)."""
        if not sealed:
            return ""
        try:
            raw = base64.b64decode(sealed, validate=True)
        except ValueError:
            raise damaged() from None
        return self.open_small(owner_id, raw).decode()

    def blind_index(self, field: str, value: str) -> str:
        """Return 64 hexadecimal digits to find an identifier by without storing it.

        HMAC-SHA-256 under a key of its own per field; normalise `value` before.
        """
        key = hmac.digest(self._index, field.encode(), hashlib.sha256)
        return hmac.digest(key, value.encode(), hashlib.sha256).hex()


def _no_plain_file(path: Path) -> StorageFault:
    return StorageFault(
        f"The key file {path} is no plain file that can be read.",
        code="key_file_invalid",
        next_step="put the file itself there; a link, a folder or a pipe is not followed.",
    )


def _invalid() -> StorageFault:
    return StorageFault(
        "The key file cannot be read as one of ours.",
        code="key_file_invalid",
        next_step="restore it from its backup; do not create a new one for an old database.",
    )
