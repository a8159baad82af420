"""Who reads what of a contract, and who is broken by a change of it.

What a mapping, a route or an interface reads is derived from its expressions; others are declared
in `config/consumers/NAME.yaml`:

    consumer: quay-warehouse
    title: The data warehouse of Quay Analytics
    reads:
      - {contract: remittance-advice, version: ^1.0, paths: [payment.amount, "claims[].paid"]}
      - {contract: acknowledgement, version: ^1.0, whole: true}
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.errors import ConfigError, NotFound
from gateway.governance.subschemas import Place, Schema, children, pointer
from gateway.registry import Registry, Version
from gateway.settings import Tree, decode, load
from gateway.translation.kinds import Kind
from gateway.translation.shapes import Shape

__all__ = [
    "BrokenConsumer",
    "ContractReads",
    "broken_consumers",
    "pointer_of_path",
    "read_declared",
    "reads_of",
]

_MAX_DEPTH = 40


class ContractReads(msgspec.Struct, frozen=True, kw_only=True):
    """What one consumer reads of one contract.

    `paths` are JSON pointers into the document, array indexes as `*`; `whole`: all of it.
    """

    consumer: str
    contract: str
    version: str = "*"
    paths: frozenset[str] = frozenset()
    whole: bool = False


class BrokenConsumer(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One consumer that a change breaks, at one path it reads.

    `code` is PATH_LOST, TYPE_CHANGED, PATH_OPTIONAL, or the code of a finding.
    """

    consumer: str
    pointer: str
    code: str


def reads_of(reads: Iterable[ContractReads], contract: str) -> dict[str, frozenset[str]]:
    """Return the paths each consumer reads of a contract; of one that reads all, the root."""
    found: dict[str, frozenset[str]] = {}
    for one in reads:
        if one.contract == contract:
            paths = one.paths | ({""} if one.whole else frozenset())
            found[one.consumer] = found.get(one.consumer, frozenset()) | paths
    return found


def broken_consumers(
    old: Schema,
    new: Schema,
    reads: Iterable[ContractReads],
    findings: Sequence[tuple[str, str]] = (),
) -> list[BrokenConsumer]:
    """Return which consumers lose a path that they read, or find another type there.

    Schemas stand alone. `findings` are pointers into the old schema with a code each, of changes
    that are known to break readers: who reads that place is broken too. What nobody reads breaks
    nobody.
    """
    before, after = Shape.of(old), Shape.of(new)
    found: set[BrokenConsumer] = set()
    for one in reads:
        for path in _wanted(one, before):
            codes = {*_changed(before, after, path), *_found(old, path, findings)}
            found |= {
                BrokenConsumer(consumer=one.consumer, pointer=path, code=code) for code in codes
            }
    return sorted(found)


def _wanted(one: ContractReads, shape: Shape) -> set[str]:
    """Return each path that is read; of an object or array read as it is, all below it too."""
    if one.whole:
        return set(_leaves(shape, "", ()))
    wanted = set(one.paths)
    for path in one.paths:
        here = _at(shape, path)
        if here is not None and not any(other.startswith(f"{path}/") for other in one.paths):
            wanted |= set(_leaves(here, path, ()))
    return wanted


def _leaves(shape: Shape, path: str, seen: tuple[int, ...]) -> Iterator[str]:
    """Yield every place below a shape; a type inside of itself stops."""
    if id(shape.node) in seen:
        return
    inside = (*seen, id(shape.node))
    if shape.kind is Kind.LIST:
        yield path
        yield from _leaves(shape.items, f"{path}/*", inside)
    elif shape.kind is Kind.OBJECT and shape.listed:
        if path:
            yield path
        for name, child in shape.listed.items():
            yield from _leaves(child, f"{path}{pointer((name,))}", inside)
    else:
        yield path


def _at(shape: Shape, path: str) -> Shape | None:
    here: Shape | None = shape
    for step in _steps(path):
        if here is None:
            return None
        here = here.items if step == "*" and here.kind is Kind.LIST else here.child(step)
    return here


def _steps(path: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]


def _changed(before: Shape, after: Shape, path: str) -> Iterator[str]:
    old, new = _at(before, path), _at(after, path)
    if old is None:
        return  # it was never there: the reader finds that out itself
    if new is None:
        yield "PATH_LOST"
        return
    same = old.kind is new.kind and old.as_number is new.as_number
    if not same or not _within(new.places, old.places):
        yield "TYPE_CHANGED"
    if _sure(before, path) and not _sure(after, path):
        yield "PATH_OPTIONAL"


def _within(inner: tuple[int, int | None], outer: tuple[int, int | None]) -> bool:
    most = outer[1] is None or (inner[1] is not None and inner[1] <= outer[1])
    return inner[0] >= outer[0] and most


def _sure(shape: Shape, path: str) -> bool:
    """Tell whether the last name of a path is required where it stands."""
    parent, _, name = path.rpartition("/")
    here = _at(shape, parent)
    return here is not None and (name == "*" or name in here.required or not path)


def _found(schema: Schema, path: str, findings: Sequence[tuple[str, str]]) -> Iterator[str]:
    if findings:
        places = {place for place, _ in _places(schema, _steps(path))}
        for place, code in findings:
            # A finding names a schema, or a keyword of one.
            if place in places or place.rpartition("/")[0] in places:
                yield code


def _places(root: Schema, steps: list[str]) -> Iterator[tuple[str, Schema]]:
    """Yield the places of a schema that describe one place of a document."""
    here = list(_in_place(root, root, "", 0))
    for step in steps:
        here = [
            found
            for place, schema in here
            for child_place, child in _children(schema, place, step)
            for found in _in_place(root, child, child_place, 0)
        ]
    yield from here


def _children(schema: Schema, place: str, step: str) -> Iterator[tuple[str, Schema]]:
    for names, child, kind in children(schema):
        if kind is not Place.CHILD:
            continue
        named = names[0] == "properties" and names[1] == step
        if named or (step == "*" and names[0] in {"items", "prefixItems"}):
            yield place + pointer(names), child


def _in_place(
    root: Schema, schema: Schema, place: str, depth: int
) -> Iterator[tuple[str, Schema]]:
    """Yield a schema, what it is composed of and what it refers to."""
    yield place, schema
    if depth > _MAX_DEPTH:
        return
    for names, child, kind in children(schema):
        if kind is Place.IN_PLACE:
            yield from _in_place(root, child, place + pointer(names), depth + 1)
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    target = root.get("$defs", {}).get(name)
    if isinstance(target, dict):
        yield from _in_place(root, target, f"/$defs/{name}", depth + 1)


# -- declared ----------------------------------------------------------------------------------


class _DeclaredReads(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    contract: str
    version: str = "*"
    paths: tuple[str, ...] = ()
    whole: bool = False


class _Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    consumer: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
    title: str = ""
    reads: Annotated[tuple[_DeclaredReads, ...], Meta(min_length=1)]


def read_declared(text: str, registry: Registry, *, file: str) -> list[ContractReads]:
    """Read the text of a `config/consumers/NAME.yaml`. Raises ConfigError with file and line, also
    for a contract or a path that is not there."""
    tree = load(text, file=file)
    body = decode(tree, _Declared)
    return [
        _declared(body.consumer, one, registry, tree, number)
        for number, one in enumerate(body.reads)
    ]


def _declared(
    name: str, one: _DeclaredReads, registry: Registry, tree: Tree, number: int
) -> ContractReads:
    place = f"$.reads[{number}]"

    def fault(reason: str) -> ConfigError:
        return ConfigError(reason, file=tree.file, line=tree.line_of(place))

    if one.whole is bool(one.paths):
        raise fault("name `paths`, or say `whole: true`.")
    try:
        found = registry.contract(one.contract, one.version)
    except NotFound as error:
        raise fault(error.message) from None
    paths = frozenset(pointer_of_path(path) for path in one.paths)
    # One version of the range that has it is enough: that a newer one lost it is a finding there.
    shapes = [*_shapes(registry, one.contract, one.version)]
    lost = sorted(path for path in paths if not any(_at(shape, path) for shape in shapes))
    if lost:
        raise fault(f"{found.identity} has no {', '.join(lost)}.")
    return ContractReads(
        consumer=f"consumer {name}",
        contract=one.contract,
        version=one.version,
        paths=paths,
        whole=one.whole,
    )


def _shapes(registry: Registry, name: str, wanted: str) -> Iterator[Shape]:
    for contract in registry.contracts():
        number = Version.parse(contract.version)
        if contract.name == name and number and number.satisfies(wanted):
            yield Shape.of(registry.bundled_schema(name, contract.version))


def pointer_of_path(path: str) -> str:
    """Write "claims[].paid" as "/claims/*/paid"."""
    steps: list[Any] = []
    for part in path.split("."):
        name = part.removesuffix("[]")
        steps += [name, "*"] if part != name else [name]
    return pointer(steps)
