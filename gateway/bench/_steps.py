"""Where the time of one file goes, one step at a time, without hub, store or network."""

import os
import time
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.formats import READERS, Origin
from gateway.governance import Profile, compile_validator
from gateway.registry import Registry, starter_root
from gateway.store import KeyRing
from gateway.translation import Mapping, compile_mapping

__all__ = ["step_times"]

CONTEXT = {
    "tenant_id": "bench",
    "interface": "feed",
    "received_at": "2026-06-01T12:00:00.000Z",
    "business_date": "2026-06-01",
    "revision": 0,
    "artifact_id": "art_" + 32 * "0",
    "artifact_sha256": 64 * "0",
    "message_id": "msg_" + 32 * "0",
}


def step_times(files: list[bytes]) -> dict[str, float]:
    """Return microseconds of CPU per file by step."""
    registry = Registry(starter_root())
    reader = READERS["x12-835"]
    origin = Origin(tenant_id="bench", interface="feed", production=True)
    first = _mapping(registry, "x12-835-to-remittance-advice")
    second = _mapping(registry, "remittance-advice-to-posting-request")
    valid = [
        compile_validator(registry.bundled_schema(name), Profile.WRITER)
        for name in ("remittance-advice", "posting-request")
    ]
    key_id = os.urandom(8)
    keys = KeyRing({key_id: os.urandom(32)}, active=key_id, index=os.urandom(32))

    def decode(raw: bytes) -> Any:
        return next(iter(reader.read(lambda: iter((raw,)), origin))).document

    def translate(document: Any) -> tuple[Any, Any]:
        advice = first.run(document, CONTEXT)
        return advice, second.run(advice, CONTEXT)

    documents, decode_us = _timed(decode, files)
    pairs, map_us = _timed(translate, documents)
    _, validate_us = _timed(lambda p: [v.valid(d) for v, d in zip(valid, p, strict=True)], pairs)
    bodies, encode_us = _timed(lambda p: [msgspec.json.encode(d) for d in p], pairs)
    _, seal_us = _timed(lambda b: [keys.seal(body, b"place") for body in b], bodies)
    return {
        "decode_us": decode_us,
        "map_us": map_us,
        "validate_us": validate_us,
        "encode_us": encode_us,
        "seal_us": seal_us,
    }


def _mapping(registry: Registry, name: str) -> Mapping:
    source = registry.mapping(name)
    return compile_mapping(
        source.text,
        source_schema=registry.source_schema(source),
        target_schema=registry.target_schema(source),
        tables=source.table,
        file=f"mappings/{name}/mapping.yaml",
    )


def _timed(step: Callable[[Any], Any], inputs: list[Any]) -> tuple[list[Any], float]:
    began = time.process_time()
    outputs = [step(each) for each in inputs]
    return outputs, (time.process_time() - began) * 1e6 / len(inputs)
