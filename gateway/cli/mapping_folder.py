"""Opens a mapping by name or folder, with its schemas, its documents and its cases."""

import sys
from collections.abc import Iterator, Mapping
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.errors import ConfigError, HubError, NotFound, Reject
from gateway.formats import READERS, UNREADABLE, Origin
from gateway.governance.profiles import Profile
from gateway.governance.validator import compile_validator
from gateway.governance.violation import Validator
from gateway.registry import MappingSource, Registry
from gateway.registry.reading import read_mapping
from gateway.translation import Limits, compile_mapping
from gateway.translation import Mapping as Compiled
from gateway.translation.differences import Difference, differences

__all__ = [
    "Case",
    "MappingFolder",
    "Verdict",
    "documents_of",
    "encode_document",
    "given",
    "open_mapping",
]

FILE_NAME: Final = "mapping.yaml"

_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


Given = dict[str, Any] | Reject
"""A document, or why there is none in its place."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One example beside a mapping: a folder with `in.*`, `out.json`, perhaps `context.json`."""

    name: str
    given: Path
    expected: Path
    context: Mapping[str, Any]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How a case ended: differences, contract violations, or the error instead of a document."""

    case: str
    differences: tuple[Difference, ...] = ()
    violations: tuple[str, ...] = ()
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether the output is exactly the expected one, and satisfies its contract."""
        return not (self.differences or self.violations or self.error)


class MappingFolder:
    """A compiled mapping with what lies beside it."""

    def __init__(self, source: MappingSource, registry: Registry, limits: Limits) -> None:
        self.source = source
        self.folder = source.folder
        target = registry.target_schema(source)
        self.mapping: Compiled = compile_mapping(
            source.text,
            source_schema=registry.source_schema(source),
            target_schema=target,
            tables=source.table,
            file=source.place,
            limits=limits,
        )
        self._target = target

    def validator(self) -> Validator | None:
        """Return the validator of the target; None where it is not checked."""
        return None if self._target is None else compile_validator(self._target, Profile.WRITER)

    def cases(self) -> Iterator[Case]:
        """Yield the cases by name. Raises ConfigError for a case that lacks a file."""
        base = self.folder / "cases"
        for folder in sorted(base.iterdir()) if base.is_dir() else ():
            given = sorted(folder.glob("in.*"))
            expected = folder / "out.json"
            if len(given) != 1 or not expected.is_file():
                raise ConfigError("a case has one 'in.*' and an 'out.json'.", file=str(folder))
            extra = folder / "context.json"
            context = _DECODER.decode(extra.read_bytes()) if extra.is_file() else {}
            yield Case(name=folder.name, given=given[0], expected=expected, context=context)

    def judge(self, case: Case, validator: Validator | None) -> Verdict:
        """Run one case and compare; several documents in one file make a list."""
        try:
            found = [
                self.mapping.run(given(document), case.context)
                for document in documents_of(case.given, self.source.source.format)
            ]
        except HubError as error:
            return Verdict(case=case.name, error=str(error))
        faults = [fault for one in found for fault in (validator.errors(one) if validator else ())]
        whole = _plain(found[0] if len(found) == 1 else found)
        return Verdict(
            case=case.name,
            differences=tuple(differences(_DECODER.decode(case.expected.read_bytes()), whole)),
            violations=tuple(f"{fault.pointer}: {fault.code}" for fault in faults),
        )


def given(document: Given) -> dict[str, Any]:
    """Return the document. Raises the Reject that stands in its place."""
    if isinstance(document, dict):
        return document
    raise document


def _plain(document: Any) -> Any:
    """Return the document as a reader of its JSON gets it."""
    return _DECODER.decode(_ENCODER.encode(document))


def encode_document(document: Any) -> bytes:
    """Write a document as JSON; decimals that are not strings become numbers, exactly."""
    return _ENCODER.encode(document)


def open_mapping(wanted: str, root: Path, limits: Limits) -> MappingFolder:
    """Open the folder `wanted`, or the mapping of that name below `root`.

    Raises NotFound with what is close, ConfigError where it does not compile.
    """
    registry = Registry(root)
    file = Path(wanted) / FILE_NAME
    source = read_mapping(file.resolve()) if file.is_file() else registry.mapping(wanted)
    return MappingFolder(source, registry, limits)


def documents_of(file: Path, format_name: str) -> Iterator[Given]:
    """Yield the documents of a file ("-" is standard input): JSON, JSON lines, or the format's.

    What cannot be read yields a Reject that names its line (from 1) or part, and the rest goes
    on. Raises NotFound.
    """
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise NotFound(f"{file}: {reason}.", next_step="check the path.") from None
    if format_name in READERS and file.suffix not in {".json", ".jsonl"}:
        return _parts(raw, format_name)
    return _json_documents(raw)


def _parts(raw: bytes, format_name: str) -> Iterator[Given]:
    digest = sha256(raw).hexdigest()
    origin = Origin(
        tenant_id="local",
        interface="mapping",
        artifact_id=f"art_{digest[:32]}",
        sha256=digest,
    )
    for part in READERS[format_name].read(lambda: iter([raw]), origin):
        reason = f"part {part.ordinal}: {part.error}."
        yield Reject(reason, code=part.error) if part.document is None else part.document


def _json_documents(raw: bytes) -> Iterator[Given]:
    try:
        whole = _DECODER.decode(raw)
    except UNREADABLE:
        lines = enumerate(raw.splitlines(), 1)
        yield from (_line(line, number) for number, line in lines if line.strip())
    else:
        yield _object(whole, 1)


def _line(line: bytes, number: int) -> Given:
    try:
        return _object(_DECODER.decode(line), number)
    except UNREADABLE:
        return Reject(f"line {number}: not JSON.", code="not_json")


def _object(document: Any, number: int) -> Given:
    if not isinstance(document, dict):
        return Reject(f"line {number}: not a JSON object.", code="not_an_object")
    return document
