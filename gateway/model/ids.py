"""Ids from content or cause: the same thing met twice gets the same id, so inserts may run twice."""

from hashlib import sha256

__all__ = ["artifact_id", "delivery_id", "message_id", "process_id", "text_id"]


def text_id(prefix: str, *parts: object) -> str:
    """Return `prefix` + "_" + 32 hexadecimal digits of the SHA-256 over the parts."""
    joined = "\x1f".join(map(str, parts))
    return f"{prefix}_{sha256(joined.encode()).hexdigest()[:32]}"


def artifact_id(interface: str, content_sha256: str, occurrence: int) -> str:
    """Name an artifact: interface + SHA-256 (+ occurrence, when identical bytes are taken again)."""
    return text_id("art", interface, content_sha256, occurrence)


def message_id(cause: str, place: object, contract: str, revision: int) -> str:
    """Name a message: what caused it, where in that cause, contract, revision."""
    return text_id("msg", cause, place, contract, revision)


def delivery_id(lane: str, message: str) -> str:
    """Name a delivery: lane + message, unique."""
    return text_id("dlv", lane, message)


def process_id(lane: str, artifact: str) -> str:
    """Name what a process lane owes: lane + artifact, unique."""
    return text_id("prc", lane, artifact)
