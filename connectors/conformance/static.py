"""Rows 1 to 5: what a connector says about itself, without opening it."""

import keyword
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import yaml

from connectors.conformance.bench import Bench
from connectors.conformance.rows import Row, expect, row

__all__ = ["ROWS"]

_SECRET_NAME = re.compile(r"(^|_)(password|passphrase|secret|token|private_key|api_key|value)$")
_REFERENCE = re.compile(r"\$\{secret:[A-Za-z_][A-Za-z0-9_.-]*\}")
_LITERAL = "literal-credential-Q7"


async def _manifest(bench: Bench) -> None:
    spec = bench.spec
    usable = spec.name.isidentifier() and spec.name.islower() and not keyword.iskeyword(spec.name)
    expect(usable, "the name is no lower-case Python name")
    expect(spec.source or spec.sink, "neither a source nor a sink")
    expect(issubclass(spec.settings, msgspec.Struct), "the settings are no msgspec struct")
    config = spec.settings.__struct_config__
    expect(config.frozen, "the settings can be changed after they were read")
    expect(config.forbid_unknown_fields, "an unknown option passes without a word")
    expect(spec.settings.__doc__, "the settings do not say what the connector does")


async def _schema(bench: Bench) -> None:
    schema = msgspec.json.schema(bench.spec.settings)
    for path, option in _options(schema, schema, ""):
        name = path.rpartition(".")[2]
        inner = _resolved(option, schema)
        told = option.get("description") or inner.get("description")
        expect(told, f"option {path} has no description")
        if _SECRET_NAME.search(name) and "string" in (inner.get("type"), option.get("type")):
            expect("pattern" in option or "pattern" in inner, f"{path} takes a literal credential")
            expect(option.get("default", "") in ("", None), f"{path} has a credential as default")
    await _literals_refused(bench)


async def _literals_refused(bench: Bench) -> None:
    settings = bench.settings
    if _REFERENCE.search(msgspec.json.encode(dict(settings)).decode()) is None:
        return
    try:
        bench.decoded(_with_literals(dict(settings)))
    except msgspec.ValidationError as refusal:
        expect(_LITERAL not in str(refusal), "a refused credential is repeated in the error")
    else:
        expect(condition=False, otherwise="a literal credential in the settings is taken")


def _with_literals(node: Any) -> Any:
    match node:
        case str() if _REFERENCE.fullmatch(node):
            return _LITERAL
        case Mapping():
            return {name: _with_literals(value) for name, value in node.items()}
        case list() | tuple():
            return [_with_literals(value) for value in node]
        case _:
            return node


async def _samples(bench: Bench) -> None:
    expect(bench.spec.samples, "no sample of its settings")
    for name, text in bench.spec.samples.items():
        try:
            bench.decoded(yaml.safe_load(text))
        except (msgspec.ValidationError, yaml.YAMLError) as fault:
            expect(condition=False, otherwise=f"sample {name} is not taken: {fault}")


async def _unknown_option(bench: Bench) -> None:
    settings = {**bench.settings, "no_such_option": 1}
    try:
        bench.decoded(settings)
    except msgspec.ValidationError:
        return
    expect(condition=False, otherwise="an option that does not exist is taken")


def _options(node: Mapping[str, Any], root: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every option of a schema with its dotted path, each struct once."""
    seen: set[str] = set()
    waiting: list[tuple[str, Any]] = [(path, node)]
    while waiting:
        where, part = waiting.pop()
        for reference in _references(part):
            if reference not in seen:
                seen.add(reference)
                waiting.append((where, root["$defs"][reference]))
        for name, option in part.get("properties", {}).items():
            inner = f"{where}.{name}" if where else name
            if "const" not in option and option.get("enum") is None:
                yield inner, option
            waiting.append((inner, option))


def _references(part: Mapping[str, Any]) -> Iterator[str]:
    if "$ref" in part:
        yield str(part["$ref"]).rpartition("/")[2]
    inner = [part[name] for name in ("items", "additionalProperties") if name in part]
    for option in (*part.get("anyOf", ()), *part.get("allOf", ()), *inner):
        if isinstance(option, Mapping):
            yield from _references(option)


def _resolved(option: Mapping[str, Any], root: Any) -> Mapping[str, Any]:
    for reference in _references(option):
        found: Mapping[str, Any] = root["$defs"][reference]
        return found
    return next((one for one in option.get("anyOf", ()) if one.get("type") == "string"), option)


ROWS: tuple[Row, ...] = (
    row("1", "the manifest says what it is")(_manifest),
    row("2", "every option has words and no credential is literal")(_schema),
    row("2a", "an unknown option is refused")(_unknown_option),
    row("5", "the samples are taken")(_samples),
)
