"""Where the time of one file goes, one step at a time, without hub, store or network."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from gateway.formats import READERS, Origin
from gateway.governance import Profile, compile_validator, parse_document
from gateway.registry import Registry, starter_root
from gateway.simulators.remittances import generate_835
from gateway.store import KeyRing
from gateway.translation import Mapping, compile_mapping

__all__ = ["remittance_documents", "step_times", "validation_times"]

MAPPING = "x12-835-to-remittance-advice"
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
    first = _mapping(registry, MAPPING)
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


def remittance_documents(count: int, *, claims: int, seed: int) -> list[dict[str, Any]]:
    """Return so many different remittance advices, as the shipped mapping makes them."""
    reader, mapping = READERS["x12-835"], _mapping(Registry(starter_root()), MAPPING)
    origin = Origin(tenant_id="bench", interface="feed", production=True)
    found = []
    for number in range(count):
        raw = b"".join(
            generate_835(payments=1, seed=seed * 1_000_000 + number, claims_per_payment=claims)
        )
        document = next(iter(reader.read(partial(_blocks, raw), origin))).document
        advice = mapping.run(document or {}, CONTEXT)
        # What custody adds; here there is none.
        digest = hashlib.sha256(raw).hexdigest()
        advice["source"] |= {"file_id": f"art_{digest[:32]}", "file_sha256": digest}
        found.append(advice)
    return found


def _blocks(raw: bytes) -> Iterator[bytes]:
    yield raw


def validation_times(document: dict[str, Any], turns: int = 30) -> dict[str, float]:
    """Return milliseconds of CPU to parse a remittance advice with all guards, and to validate
    it once it is parsed."""
    schema = Registry(starter_root()).bundled_schema("remittance-advice")
    judge = compile_validator(schema, Profile.WRITER)
    raws = [msgspec.json.encode(document)] * turns
    parsed, guard_us = _timed(parse_document, raws)
    judged, validate_us = _timed(judge.valid, parsed)
    if not all(judged):
        raise RuntimeError("the document breaks its contract")
    return {"validate_ms": validate_us / 1000, "guard_ms": guard_us / 1000}


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
