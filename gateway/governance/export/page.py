"""What one page of the catalogue shows: words, links and dates, made from a contract version."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec

from gateway.governance.docs import Field, contract_fields
from gateway.governance.export.changes import Change, changes
from gateway.governance.export.published import Published
from gateway.governance.masking import phi_classes

__all__ = ["STEPS", "Page", "json_text", "make_page", "written_day"]

STEPS = ("draft", "active", "deprecated", "sunset", "retired")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_DAYS_OF_A_YEAR = 365.25
_ALWAYS = "always `"
_NEWER = " or a newer code"
_OFTEN = {"business_daily": "every business day", "daily": "every day", "hourly": "every hour"}
_COMPATIBILITY = {
    "NONE": "nothing is promised between versions",
    "BACKWARD": "a new reader understands the version before",
    "FORWARD": "an old reader understands the next version",
    "FULL": "readers and writers of neighbouring versions understand each other",
    "BACKWARD_TRANSITIVE": "a new reader understands every version of the same major",
    "FORWARD_TRANSITIVE": "an old reader understands every later version of the same major",
    "FULL_TRANSITIVE": "all versions of the same major understand each other",
}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One field as the table shows it; `words` are what a search looks in, in lower case;
    `said` is what else is said of its codes."""

    path: str
    anchor: str
    kind: str
    codes: tuple[str, ...]
    said: str
    required: bool
    phi: str
    mask: str
    code_set: str
    description: str
    flags: str
    words: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One state of a life: `place` is past, now or next."""

    name: str
    place: str
    at: str


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One example as it is shown."""

    title: str
    anchor: str
    text: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What changed from one version to the next."""

    old: str
    new: str
    changes: list[Change]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a contract's page says. Links are relative to the site's root in `href`, to the
    page itself elsewhere."""

    contract: Published
    href: str
    phi: bool
    promise: str
    kept: str
    compatibility: str
    fields: list[Row]
    examples: list[Sample]
    life: list[Step]
    log: list[Entry]
    versions: list[tuple[str, str, str]]
    successor_href: str
    curl: str
    digest: str
    schema_file: str
    odcs_file: str
    words: str


def make_page(contract: Published, line: Sequence[Published]) -> Page:
    """Return the page of one version; `line` are all versions of its contract, oldest first."""
    older = [one for one in line if one.number <= contract.number]
    fields = [_row(field) for field in contract_fields(contract.schema)]
    names = {one.version: f"{one.version}.html" for one in line}
    said = (contract.title, contract.name, contract.owner, contract.classification)
    return Page(
        contract=contract,
        href=f"{contract.identity}.html",
        phi=bool(phi_classes(contract.schema)),
        promise=_promise(contract),
        kept=_kept(contract.retention_days),
        compatibility=_COMPATIBILITY.get(contract.compatibility, contract.compatibility),
        fields=fields,
        examples=list(_samples(contract)),
        life=list(_life(contract)),
        log=[
            Entry(old=old.version, new=new.version, changes=changes(old, new))
            for old, new in reversed(list(pairwise(older)))
        ],
        versions=[(one.version, one.status, f"{one.version}.html") for one in reversed(line)],
        successor_href=names.get(contract.successor, ""),
        curl=_curl(contract),
        digest=hashlib.sha256(json_text(contract.schema).encode()).hexdigest(),
        schema_file=f"{contract.version}.schema.json",
        odcs_file=f"{contract.version}.odcs.json",
        words=" ".join((*said, contract.summary, *(field.path for field in fields))).lower(),
    )


def json_text(value: Any) -> str:
    """Write a document as JSON for people: two spaces, its own order, a line's end at the end."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def written_day(moment: str) -> str:
    """Write an RFC 3339 moment as a day, "5 January 2026"; what is no moment stays as it is."""
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def _row(field: Field) -> Row:
    codes, more = _codes(field.kind)
    phi = "" if field.phi == "none" else field.phi
    flags = " ".join(
        word for word, holds in (("required", field.required), ("phi", bool(phi))) if holds
    )
    return Row(
        path=field.path,
        anchor=f"f.{field.path.replace('[]', '')}",
        kind=field.kind,
        codes=codes,
        said=more,
        required=field.required,
        phi=phi,
        mask=field.mask,
        code_set=field.code_set,
        description=field.description,
        flags=flags,
        words=f"{field.path} {field.description} {field.code_set} {phi}".lower(),
    )


def _codes(kind: str) -> tuple[tuple[str, ...], str]:
    """Take the codes out of a kind's words, and what is said of them: "`a`, `b` or a newer code",
    "always `"USD"`"."""
    if kind.startswith(_ALWAYS):
        return (kind.removeprefix(_ALWAYS).rstrip("`").strip('"'),), "always"
    if not kind.startswith("`"):
        return (), ""
    listed, more, _ = kind.partition(_NEWER)
    return tuple(code.strip().strip("`") for code in listed.split(",")), more.strip()


def _promise(contract: Published) -> str:
    """Write the service levels as words: "within 15 minutes, on change"."""
    said = []
    for name, value in contract.service.items():
        if name == "latency_seconds":
            said.append(f"within {_span(int(value))}")
        elif name == "frequency":
            said.append(_OFTEN.get(str(value), str(value).replace("_", " ")))
        elif name == "availability_percent":
            said.append(f"{value} % of the time")
        else:
            said.append(f"{name.replace('_', ' ')} {value}")
    return ", ".join(said)


def _span(seconds: int) -> str:
    """Write a span in its largest whole unit: 900 is "15 minutes"."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _kept(days: int) -> str:
    years = round(days / _DAYS_OF_A_YEAR)
    if years and abs(days - years * _DAYS_OF_A_YEAR) < 1:
        return f"{years} year{'' if years == 1 else 's'}"
    return _span(days * 86_400) if days else "not said"


def _samples(contract: Published) -> Iterator[Sample]:
    for example in contract.examples:
        yield Sample(
            title=example.name.replace("_", " ").capitalize(),
            anchor=f"example-{example.name}",
            text=json_text(example.document).rstrip("\n"),
        )


def _life(contract: Published) -> Iterator[Step]:
    moments = contract.moments
    at = {
        "active": moments.active_at,
        "deprecated": moments.deprecated_at,
        "sunset": moments.sunset_at,
        "retired": moments.retired_at,
    }
    now = STEPS.index(contract.status) if contract.status in STEPS else 0
    for place, name in enumerate(STEPS):
        where = "past" if place < now else "now" if place == now else "next"
        yield Step(name=name, place=where, at=at.get(name, ""))


def _curl(contract: Published) -> str:
    return (
        f'curl -X POST "$HUB/v1/messages/{contract.name}" \\\n'
        '  -H "Authorization: Bearer $KEY" \\\n'
        f'  -H "Content-Type: {contract.media_type}; version={contract.major}" \\\n'
        '  -H "Idempotency-Key: 8e03978e-40d5-43dd-bc93-6894a57f9324" \\\n'
        "  --data-binary @document.json"
    )
