"""Compiles the `fields` of a mapping: objects, leaves, and arrays filled by each, when, emit."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gateway.translation.drafts import Base, Draft, FieldRecord, Rows, put_out
from gateway.translation.errors import MappingError, Rule, RunCode
from gateway.translation.expressions import ExpressionCompiler
from gateway.translation.kinds import Kind, Origin, Repeat, Type, Value
from gateway.translation.limits import MAX_STRUCTURE_DEPTH, Limits
from gateway.translation.nearness import did_you_mean
from gateway.translation.outputs import Outputs, misfit
from gateway.translation.parser import parse_each, parse_expression
from gateway.translation.scope import Binding
from gateway.translation.shapes import Shape
from gateway.translation.yaml_nodes import Entry, Map, Scalar, Seq

__all__ = ["FieldCompiler"]

_BUILDER_KEYS: Final = ("each", "let", "when", "base", "row", "emit")
_LEAF_BYTES: Final = 12
"""Estimated bytes of quotes, colon, comma and a short value."""


class FieldCompiler:
    """Compiles the target side of one mapping."""

    def __init__(
        self, compiler: ExpressionCompiler, *, file: str, limits: Limits, counted: bool
    ) -> None:
        self.compiler = compiler
        self.emitter = compiler.emitter
        self.scope = compiler.scope
        self.outputs = Outputs(self.emitter, limits.output_bytes)
        self.file = file
        self.limits = limits
        self.counted = counted
        """Whether `index()` is used, so that loops count."""
        self.records: list[FieldRecord] = []
        self.traced = False
        self.depth = 0

    # Expressions, with their line in every error

    @contextmanager
    def placed(self, line: int) -> Iterator[None]:
        """Give errors raised inside this file and line, unless they have their own."""
        try:
            yield
        except MappingError as error:
            if error.line:
                raise
            raise MappingError(error.rule, error.detail, file=self.file, line=line) from None

    def fail(self, rule: Rule, reason: str, line: int) -> MappingError:
        """Make an error at a line of this file."""
        return MappingError(rule, reason, file=self.file, line=line)

    def scalar(self, entry: Entry, what: str) -> Scalar:
        """Expect an expression."""
        if isinstance(entry, Scalar) and entry.text:
            return entry
        hint = " (a comma inside { } ends it: quote the expression, or write it in lines)"
        raise self.fail(Rule.STRUCTURE, f"{what} must be an expression{hint}", entry.line)

    def value(self, entry: Scalar) -> Value:
        """Compile an expression for the current target."""
        with self.placed(entry.line), self.emitter.at(entry.line):
            return self.compiler.compile(parse_expression(entry.text))

    # let

    @contextmanager
    def bound(self, entry: Entry | None) -> Iterator[None]:
        """Define the names of a `let` for the block inside. Raises UNUSED for idle ones."""
        if entry is None:
            yield
            return
        if not isinstance(entry, Map):
            raise self.fail(Rule.STRUCTURE, "'let' maps names to expressions", entry.line)
        names: list[tuple[str, int]] = []
        for name, item in entry:
            scalar = self.scalar(item, f"'{name}'")
            value = self.value(scalar)
            with self.placed(scalar.line), self.emitter.at(scalar.line):
                code = value.code
                if not code.isidentifier():
                    code = self.emitter.let(code, source=value.origin)
                binding = Binding(code=code, type=value.type, origin=value.origin)
                self.scope.define(name, binding)
            self.scope.used.discard(name)
            names.append((name, scalar.line))
        yield
        for name, line in names:
            self.scope.forget(name)
            if name not in self.scope.used:
                raise self.fail(Rule.UNUSED, f"'{name}' is never used", line)

    # Objects

    def object(
        self,
        entry: Map,
        shape: Shape,
        *,
        target: Origin,
        path: tuple[str, ...] | None,
        base: Base | None = None,
    ) -> tuple[str, bool, Draft]:
        """Compile an object; return its variable, whether it may be None, its fields.

        `path` is where it lies in the output, None inside rows (those cannot be read back).
        """
        self.depth += 1
        if self.depth > MAX_STRUCTURE_DEPTH:
            raise self.fail(Rule.TOO_LARGE, "fields nested too deeply", entry.line)
        draft = Draft()
        for name, item in entry:
            inner = shape.child(name)
            if inner is None:
                raise self.fail(
                    Rule.TARGET_UNKNOWN,
                    f"the target has no field '{name}' here{did_you_mean(name, shape.listed)}",
                    item.line,
                )
            place = (*target, name)
            where = None if path is None else (*path, name)
            with self.emitter.at(item.line, place):
                optional = self._field(draft, name, item, inner, where, self._base_of(base, name))
            if optional and name in shape.required and not self._kept(base, name):
                raise self.fail(
                    Rule.MAY_BE_ABSENT, f"'{name}' is required but may be absent", item.line
                )
        self._complete(entry, shape, base)
        self.depth -= 1
        result, empty = self._assemble(draft, base)
        return result, empty, draft

    def _kept(self, base: Base | None, name: str) -> bool:
        if base is None or base.loses(name):
            return False
        return name in base.shape.required or base.shape.open

    def _base_of(self, base: Base | None, name: str) -> Base | None:
        if base is None:
            return None
        found = base.shape.child(name)
        if found is None or found.kind not in {Kind.OBJECT, Kind.ANY}:
            return None
        drops = tuple(path[1:] for path in base.drops if path[0] == name and len(path) > 1)
        return Base(code=f"{base.code}.get({name!r})", shape=found, optional=True, drops=drops)

    def _complete(self, entry: Map, shape: Shape, base: Base | None) -> None:
        for name in sorted(shape.required - set(entry.entries)):
            if not self._kept(base, name):
                raise self.fail(
                    Rule.TARGET_MISSING, f"required field '{name}' is not produced", entry.line
                )
        if base is None or base.shape.node == shape.node:
            return
        for name, found in base.shape.listed.items():
            if base.loses(name):
                continue
            wanted = shape.child(name)
            if wanted is None:
                raise self.fail(
                    Rule.TARGET_UNKNOWN, f"base has '{name}', the target does not", entry.line
                )
            checked = name not in entry.entries and not base.trimmed(name)
            reason = misfit(found, wanted, at=name) if checked else ""
            if reason:
                raise self.fail(Rule.TYPE_MISMATCH, f"base: {reason}", entry.line)

    def _field(
        self,
        draft: Draft,
        name: str,
        item: Entry,
        shape: Shape,
        path: tuple[str, ...] | None,
        base: Base | None,
    ) -> bool:
        optional = False
        match item:
            case Scalar():
                value = self.value(self.scalar(item, f"'{name}'"))
                code, optional = self._leaf(item, value, shape), value.type.optional
                self._measure(draft, value, code)
                draft.values[name] = produced = value
            case Map():
                self._expect(Kind.OBJECT, shape, name, item.line)
                code, optional, _ = self.object(
                    item, shape, target=self.emitter.target, path=path, base=base
                )
                produced = Value(code=code, type=Type(kind=Kind.OBJECT, shape=shape))
            case Seq():
                self._expect(Kind.LIST, shape, name, item.line)
                produced = self.array(item, shape, path)
                code = produced.code
        draft.types[name] = put_out(produced.type, shape)
        draft.size += len(name) + _LEAF_BYTES
        draft.leaves.append((name, code, optional))
        if path is not None and produced.type.kind is not Kind.OBJECT:
            self.scope.produced.values[path] = produced
        return optional

    def _expect(self, kind: Kind, shape: Shape, name: str, line: int) -> None:
        if shape.kind not in {kind, Kind.ANY}:
            raise self.fail(
                Rule.TYPE_MISMATCH, f"the target's '{name}' is {shape.kind}, not {kind}", line
            )

    def _leaf(self, item: Scalar, value: Value, shape: Shape) -> str:
        with self.placed(item.line), self.emitter.at(item.line):
            code = self.outputs.write(value, shape)
            if self.traced:
                self.emitter.put(f"trace({len(self.records)}, locals(), {code})")
        self.records.append(
            FieldRecord(
                expression=item.text,
                line=item.line,
                target=self.emitter.target,
                type=value.type,
            )
        )
        return code

    def _measure(self, draft: Draft, value: Value, code: str) -> None:
        if value.type.kind is Kind.TEXT and value.constant is None and code.isidentifier():
            guard = f"len({code} or '')" if value.type.optional else f"len({code})"
            draft.sizes.append(guard)
        elif isinstance(value.constant, str):
            draft.size += len(value.constant)

    def _assemble(self, draft: Draft, base: Base | None) -> tuple[str, bool]:
        fixed = [(name, code) for name, code, optional in draft.leaves if not optional]
        literal = "{" + ", ".join(f"{name!r}: {code}" for name, code in fixed) + "}"
        all_optional = bool(draft.leaves) and not fixed
        if base is None and not all(optional for *_, optional in draft.leaves):
            leading = []
            for name, code, optional in draft.leaves:
                if optional:
                    break
                leading.append(f"{name!r}: {code}")
            result = self.emitter.let("{" + ", ".join(leading) + "}", stem="o")
            rest = draft.leaves[len(leading) :]
        elif base is None:
            result, rest = self.emitter.let("{}", stem="o"), draft.leaves
        else:
            copied = f"({base.code} or {{}})" if base.optional else base.code
            result = self.emitter.let(f"{{**{copied}, **{literal}}}", stem="o")
            rest = [leaf for leaf in draft.leaves if leaf[2]]
        for name, code, optional in rest:
            guard = f"if {code} is not None: " if optional else ""
            self.emitter.put(f"{guard}{result}[{name!r}] = {code}")
        size = " + ".join([str(draft.size), *draft.sizes])
        self.emitter.put(f"used += {size}")
        if all_optional:
            self.emitter.put(f"if not {result}: {result} = None")
        return result, all_optional

    # Arrays

    def array(self, entry: Seq, shape: Shape, path: tuple[str, ...] | None) -> Value:
        """Compile a list of builders into an array; what it holds can be read back later."""
        wanted = self.scope.produced.wanted_totals.get(path or (), ())
        code = self.emitter.let("[]", stem="r")
        rows = Rows(code, shape, {name: self.emitter.let("0", stem="t") for name in wanted})
        if path is not None:
            self.scope.produced.open_rows.add(path)
        outer, self.compiler.rows = self.compiler.rows, code
        for item in entry.items:
            self._builder(item, rows)
        self.compiler.rows = outer
        self._limit_rows(code)
        if path is not None:
            self.scope.produced.open_rows.discard(path)
            for name, total in rows.settled_totals().items():
                self.scope.produced.totals[(*path, name)] = total
        return Value(code=code, type=Type(kind=Kind.LIST, shape=rows.shape()))

    def _limit_rows(self, rows: str) -> None:
        self.emitter.put(
            f"if len({rows}) > {self.limits.rows}: raise Bad", code=RunCode.LIMIT_ROWS
        )

    def _builder(self, entry: Entry, rows: Rows) -> None:
        if not isinstance(entry, Map) or not ({"row", "emit"} & set(entry.entries)):
            raise self.fail(
                Rule.STRUCTURE, "an array holds entries with 'row' or 'emit'", entry.line
            )
        for name in entry.entries:
            if name not in _BUILDER_KEYS:
                known = ", ".join(_BUILDER_KEYS)
                raise self.fail(Rule.STRUCTURE, f"'{name}' is none of {known}", entry.line)
        if "base" in entry.entries and "row" not in entry.entries:
            raise self.fail(Rule.STRUCTURE, "'base' stands beside 'row'", entry.line)
        with (
            self._each(entry) as variable,
            self.bound(entry.entries.get("let")),
            self._when(entry),
        ):
            if "row" in entry.entries:
                self._row(entry, rows, variable)
            nested = entry.entries.get("emit")
            if nested is not None and not isinstance(nested, Seq):
                raise self.fail(Rule.STRUCTURE, "'emit' is a list", nested.line)
            for item in nested.items if isinstance(nested, Seq) else ():
                self._builder(item, rows)

    @contextmanager
    def _each(self, entry: Map) -> Iterator[str]:
        each = entry.entries.get("each")
        if each is None:
            yield ""
            return
        scalar = self.scalar(each, "'each'")
        with self.placed(scalar.line), self.emitter.at(scalar.line):
            variable, source = parse_each(scalar.text)
            counter = self.emitter.let("0", stem="n") if self.counted else ""
            with self.compiler.loop(source, variable):
                if counter:
                    self.emitter.put(f"{counter} += 1")
                self.compiler.indexes.append(counter)
                yield variable
                self.compiler.indexes.pop()
            self._limit_rows(self.compiler.rows)

    @contextmanager
    def _when(self, entry: Map) -> Iterator[None]:
        when = entry.entries.get("when")
        if when is None:
            yield
            return
        scalar = self.scalar(when, "'when'")
        with self.placed(scalar.line), self.emitter.at(scalar.line):
            test = self.compiler.condition(parse_expression(scalar.text))
            self.emitter.put(f"if {test.code}:")
        with self.emitter.inner():
            yield

    def _row(self, entry: Map, rows: Rows, variable: str) -> None:
        row = entry.entries["row"]
        place = (*self.emitter.target, Repeat(rows.code))
        base = self._row_base(entry, variable)
        with self.emitter.at(row.line, place):
            match row:
                case Map():
                    self._expect(Kind.OBJECT, rows.items, "row", row.line)
                    code, optional, draft = self.object(
                        row, rows.items, target=place, path=None, base=base
                    )
                    rows.added(draft.types)
                    self._add_totals(rows, draft, simple=not optional and base is None)
                case Scalar():
                    value = self.value(self.scalar(row, "'row'"))
                    code, optional = self._leaf(row, value, rows.items), value.type.optional
                    rows.added(value.type)
                case Seq():
                    raise self.fail(Rule.STRUCTURE, "a row is an object or a value", row.line)
            guard = f"if {code} is not None: " if optional else ""
            self.emitter.put(f"{guard}{rows.code}.append({code})")

    def _add_totals(self, rows: Rows, draft: Draft, *, simple: bool) -> None:
        for name in list(rows.totals):
            value = draft.values.get(name)
            if value is None or value.type.optional or not value.type.numeric or not simple:
                del rows.totals[name]
            elif value.constant is None or value.constant:
                self.emitter.put(f"{rows.totals[name]} += {value.code}", source=value.origin)

    def _row_base(self, entry: Map, variable: str) -> Base | None:
        base = entry.entries.get("base")
        if base is None:
            return None
        scalar = self.scalar(base, "'base'")
        bound = self.scope.find(scalar.text)
        if bound is None or scalar.text != variable or bound.type.shape is None:
            raise self.fail(
                Rule.STRUCTURE, "'base' of a row names the variable of its 'each'", scalar.line
            )
        return Base(code=bound.code, shape=bound.type.shape)
