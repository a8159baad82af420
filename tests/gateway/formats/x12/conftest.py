"""Invented 835 files, piece by piece, and a short way to read them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway.formats import READERS, Origin, Part
from gateway.model.finding import Severity

HEAD = (
    "BPR*I*80*C*ACH*CCP*01*000000013*DA*4401*1900000011**01*000000026*DA*7702*20260401",
    "TRN*1*T100*1900000011",
    "DTM*405*20260331",
    "N1*PR*NORTHWIND HEALTH PLAN*XV*NW001",
    "N3*1 EXAMPLE PLAZA",
    "N4*AUBURN*ME*04999",
    "PER*BL*SERVICES*TE*8005550101",
    "N1*PE*RIVERBEND CLINIC*XX*1990000017",
    "REF*TJ*990000017",
)
CLAIM = (
    "LX*1",
    "CLP*A1*1*100*80*5*12*ICN1*11*1",
    "NM1*QC*1*BRAMBLE*ALMA****MI*M001",
    "DTM*232*20260301",
    "SVC*HC:99213:25*100*80**1",
    "DTM*472*20260301",
    "CAS*CO*45*15",
    "CAS*PR*2*5",
    "REF*6R*1",
    "AMT*B6*85",
)


def _isa(control: str, usage: str, marks: str) -> str:
    element, component, repetition = marks
    fixed = ["ISA", "00", " " * 10, "00", " " * 10, "ZZ", "CLEARWELL".ljust(15), "ZZ"]
    rest = ["REMITHUB".ljust(15), "260401", "1200", repetition, "00501", control, "0", usage]
    return element.join([*fixed, *rest, component])


def _remit(
    *bodies: tuple[str, ...],
    end: str = "~",
    marks: str = "*:^",
    usage: str = "P",
    control: str = "000000001",
    version: str = "005010X221A1",
) -> bytes:
    """One interchange, one group, one correct transaction set per body (without ST and SE)."""
    lines = [_isa(control, usage, marks), f"GS*HP*CLEARWELL*REMITHUB*20260401*1200*1*X*{version}"]
    for place, body in enumerate(bodies, 1):
        number = f"{place:04d}"
        lines += [f"ST*835*{number}", *body, f"SE*{len(body) + 2}*{number}"]
    lines += [f"GE*{len(bodies)}*1", f"IEA*1*{control}"]
    text = "".join(line + end for line in lines)
    head, rest = text[: len(lines[0])], text[len(lines[0]) :]
    return (head + rest.replace("*", marks[0]).replace(":", marks[1])).encode("latin-1")


def _read(data: bytes, *, production: bool = False, step: int = 0, **options: Any) -> list[Part]:
    """Read bytes into parts; `step` cuts them into blocks of that size."""

    def blocks() -> Iterator[bytes]:
        size = step or max(len(data), 1)
        for at in range(0, len(data), size):
            yield data[at : at + size]

    origin = Origin(
        tenant_id="t1",
        interface="feed",
        artifact_id="art_1",
        sha256="0" * 64,
        production=production,
    )
    reader = type(READERS["x12-835"])(**options)
    return list(reader.read(blocks, origin))


@pytest.fixture
def head() -> tuple[str, ...]:
    return HEAD


@pytest.fixture
def claim() -> tuple[str, ...]:
    return CLAIM


@pytest.fixture
def remit() -> Callable[..., bytes]:
    return _remit


@pytest.fixture
def read() -> Callable[..., list[Part]]:
    return _read


@pytest.fixture
def codes() -> Callable[..., set[str]]:
    """The codes of a part's findings, all or of one severity."""

    def of(part: Part, severity: Severity | None = None) -> set[str]:
        return {
            finding.code
            for finding in part.findings
            if severity is None or finding.severity is severity
        }

    return of
