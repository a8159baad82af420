"""Compiles a mapping file against its schemas, runs it, and explains what it did."""

import re
from collections.abc import Callable
from collections.abc import Mapping as Context
from typing import Any, Final

import msgspec

from gateway.translation.drafts import Base, FieldRecord
from gateway.translation.emitter import Emitter
from gateway.translation.errors import MappingError, Rule, RunCode, Untranslatable
from gateway.translation.expressions import ExpressionCompiler
from gateway.translation.fields import FieldCompiler
from gateway.translation.forms import expression_compiler
from gateway.translation.header import Header, read_mapping_file
from gateway.translation.kinds import Kind, Origin
from gateway.translation.limits import DEFAULT_LIMITS, Limits
from gateway.translation.lookups import Lookup, read_lookups
from gateway.translation.parser import parse_expression
from gateway.translation.program import Failure, Program, pointer_of
from gateway.translation.scope import Scope
from gateway.translation.shapes import Shape, open_shape
from gateway.translation.yaml_nodes import Map, Scalar, Seq

__all__ = ["FieldTrace", "Mapping", "Trace", "compile_mapping"]

_ASSERT_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{2,59}")
_DROP: Final = re.compile(r"[^.\[\]]+(\[\])?(\.[^.\[\]]+(\[\])?)*")


class FieldTrace(msgspec.Struct, frozen=True, kw_only=True):
    """How one target field came about: places and kinds, no values."""

    target_pointer: str
    expression: str
    yaml_line: int
    source_pointers: tuple[str, ...]
    kind: str
    phi: tuple[str, ...]
    """PHI classes that went into it; empty is class none."""
    present: bool


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `explain`: every field at or below the pointer asked for."""

    mapping: str
    version: str
    fields: tuple[FieldTrace, ...]


class _Plan:
    """Everything read from the file and its schemas; compiled once to run, once to trace."""

    def __init__(
        self,
        text: str,
        *,
        schemas: tuple[dict[str, Any] | None, dict[str, Any] | None],
        tables: Callable[[str], str],
        file: str,
        limits: Limits,
    ) -> None:
        self.text = text
        self.file = file
        self.limits = limits
        self.header, self.top = read_mapping_file(text, file)
        source, target = schemas
        if source is None and self.header.source.format and "base" in self.top.entries:
            source = target  # the reader of the format already makes the target's shape
        self.source = Shape.of(source) if source is not None else None
        self.target = Shape.of(target) if target is not None else open_shape()
        self.lookups = read_lookups(self.top.entries.get("lookups"), tables=tables, file=file)
        self.counted = "index(" in text

    def fail(self, rule: Rule, reason: str, line: int) -> MappingError:
        return MappingError(rule, reason, file=self.file, line=line)

    def compile(self, *, traced: bool) -> tuple[Program, list[FieldRecord], frozenset[Origin]]:
        emitter = Emitter()
        scope = Scope(source=self.source)
        scope.produced.want_totals(self.text)
        compiler = expression_compiler(emitter, scope, self.lookups)
        fields = FieldCompiler(compiler, file=self.file, limits=self.limits, counted=self.counted)
        fields.traced = traced
        entry = self.top.entries.get("fields", Map({}, self.top.line))
        if not isinstance(entry, Map):
            raise self.fail(Rule.STRUCTURE, "'fields' is a mapping", entry.line)
        base = self.base()
        emitter.put("if doc.__class__ is not dict: raise Bad", source=())
        with fields.bound(self.top.entries.get("let")):
            out, _, _ = fields.object(entry, self.target, target=(), path=(), base=base)
            emitter.put(f"out = {out} or {{}}")
            for path in base.drops if base else ():
                emitter.put(f"out = without(out, {path!r})")
            self.asserts(fields)
        emitter.put(f"if used > {self.limits.output_bytes}: raise Bad", code=RunCode.LIMIT_OUTPUT)
        emitter.put("return out")
        self.unused(compiler)
        return Program(emitter, self.limits), fields.records, frozenset(scope.reads)

    def base(self) -> Base | None:
        entry = self.top.entries.get("base")
        drop = self.top.entries.get("drop")
        if entry is None:
            if drop is not None:
                raise self.fail(Rule.STRUCTURE, "'drop' needs 'base: input'", drop.line)
            return None
        if not isinstance(entry, Scalar) or entry.text != "input":
            raise self.fail(Rule.STRUCTURE, "'base' can only be 'input'", entry.line)
        shape = self.source or open_shape()
        return Base(code="doc", shape=shape, drops=self.drops(drop, shape))

    def drops(self, entry: object, shape: Shape) -> tuple[tuple[str, ...], ...]:
        if entry is None:
            return ()
        items = entry.items if isinstance(entry, Seq) else ()
        found: list[tuple[str, ...]] = []
        for item in items:
            if not isinstance(item, Scalar) or not _DROP.fullmatch(item.text):
                raise self.fail(Rule.STRUCTURE, "'drop' lists paths: a.b, a[].b", item.line)
            path = tuple(item.text.split("."))
            self.drop_exists(path, shape, item.line)
            found.append(path)
        return tuple(found)

    def drop_exists(self, path: tuple[str, ...], shape: Shape, line: int) -> None:
        here: Shape | None = shape
        for part in path:
            here = here.child(part.removesuffix("[]")) if here is not None else None
            if here is not None and part.endswith("[]"):
                here = here.items
            elif here is not None and here.kind is Kind.LIST and part != path[-1]:
                here = None
        if here is None:
            raise self.fail(Rule.PATH_UNKNOWN, f"'{'.'.join(path)}' is not in the source", line)

    def asserts(self, fields: FieldCompiler) -> None:
        entry = self.top.entries.get("assert")
        items = entry.items if isinstance(entry, Seq) else ()
        if entry is not None and not items:
            raise self.fail(Rule.STRUCTURE, "'assert' lists {that, else}", entry.line)
        fields.scope.bare_output = True
        for item in items:
            keys = set(item.entries) if isinstance(item, Map) else set()
            if not isinstance(item, Map) or keys != {"that", "else"}:
                raise self.fail(Rule.STRUCTURE, "an assert has 'that' and 'else'", item.line)
            that = fields.scalar(item.entries["that"], "'that'")
            code = fields.scalar(item.entries["else"], "'else'")
            if not _ASSERT_CODE.fullmatch(code.text):
                raise self.fail(Rule.STRUCTURE, "'else' is a code such as NOT_BALANCED", code.line)
            with fields.placed(that.line), fields.emitter.at(that.line, ()):
                test = fields.compiler.condition(parse_expression(that.text))
                fields.emitter.put(f"if not {test.code}: raise Bad", code=code.text)

    def unused(self, compiler: ExpressionCompiler) -> None:
        for name, lookup in self.lookups.items():
            if name not in compiler.used_lookups:
                raise self.fail(Rule.UNUSED, f"lookup '{name}' is never used", lookup.line)


class Mapping:
    """A compiled mapping. Immutable, safe to share between threads."""

    def __init__(self, plan: _Plan) -> None:
        self._plan = plan
        self._program, self._records, reads = plan.compile(traced=False)
        self._traced: Program | None = None
        self.header: Header = plan.header
        self.reads: frozenset[str] = frozenset(pointer_of(origin, {}) for origin in reads)
        """Places of the input that it reads, array indexes as `*`; not what `base` carries over."""

    @property
    def name(self) -> str:
        """The mapping's name."""
        return self.header.name

    @property
    def version(self) -> str:
        """The mapping's version."""
        return self.header.version

    @property
    def lookups(self) -> dict[str, Lookup]:
        """Its lookup tables, by name."""
        return dict(self._plan.lookups)

    def run(self, document: dict[str, Any], context: Context[str, Any]) -> dict[str, Any]:
        """Translate a document; neither it nor `context` is changed.

        Parts copied whole are shared with the input. Decimals are strings, except for targets
        of JSON type number, where they are `Decimal` (encode them as numbers). Raises
        Untranslatable.
        """
        return self._guarded(self._program, document, context)

    def explain(
        self, field_pointer: str, document: dict[str, Any], context: Context[str, Any]
    ) -> Trace:
        """Run and tell how the fields at or below `field_pointer` ("" for all) came about.

        Raises Untranslatable as `run` does.
        """
        if self._traced is None:
            self._traced = self._plan.compile(traced=True)[0]
        wanted = "/" + field_pointer.strip("/").replace(".", "/") if field_pointer else ""
        found: list[FieldTrace] = []

        def trace(number: int, names: dict[str, Any], value: object) -> None:
            record = self._records[number]
            target = pointer_of(record.target, names)
            if target == wanted or target.startswith(f"{wanted.rstrip('/')}/"):
                found.append(_field_trace(record, target, names, present=value is not None))

        self._guarded(self._traced, document, context, trace)
        return Trace(mapping=self.name, version=self.version, fields=tuple(found))

    def _guarded(
        self,
        program: Program,
        document: dict[str, Any],
        context: Context[str, Any],
        trace: Callable[[int, dict[str, Any], Any], None] | None = None,
    ) -> dict[str, Any]:
        try:
            result: dict[str, Any] = program.run(document, context, trace)
        except Failure as failure:
            error = Untranslatable(
                failure.code,
                mapping=self.name,
                version=self.version,
                yaml_line=failure.line,
                target_pointer=failure.target,
                source_pointer=failure.source,
            )
        else:
            return result
        raise error


def _field_trace(
    record: FieldRecord, target: str, names: dict[str, Any], *, present: bool
) -> FieldTrace:
    return FieldTrace(
        target_pointer=target,
        expression=record.expression,
        yaml_line=record.line,
        source_pointers=tuple(sorted(pointer_of(read, names) for read in record.type.reads)),
        kind=record.type.kind,
        phi=tuple(sorted(record.type.phi)),
        present=present,
    )


def compile_mapping(
    text: str,
    *,
    source_schema: dict[str, Any] | None,
    target_schema: dict[str, Any] | None,
    tables: Callable[[str], str],
    file: str,
    limits: Limits = DEFAULT_LIMITS,
) -> Mapping:
    """Compile the text of a mapping file.

    Schemas are self-contained JSON Schemas (2020-12; local `$ref` only), None where a side is
    not checked; a format with `base: input` and no schema is checked as the target. `tables` returns the text of a lookup table by its file name. `file` is only
    shown. Raises MappingError with file, line and rule.
    """
    try:
        plan = _Plan(
            text,
            schemas=(source_schema, target_schema),
            tables=tables,
            file=file,
            limits=limits,
        )
        return Mapping(plan)
    except RecursionError:
        reason = "too much within each other: the mapping, or a schema that contains itself"
        raise MappingError(Rule.TOO_LARGE, reason, file=file, line=1) from None
    except MappingError as error:
        if error.file:
            raise
        raise MappingError(error.rule, error.detail, file=file, line=error.line or 1) from None
