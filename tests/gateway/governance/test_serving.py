"""Who is served which version, and what callers are told of its end."""

from datetime import UTC, datetime

import pytest

from gateway.governance.lifecycle import Status
from gateway.governance.serving import Caller, Notice, Serving, notice_of, serving, standing
from gateway.registry import VersionRecord

NOW = datetime(2026, 5, 12, tzinfo=UTC)
NEW = Caller(known=False)
KNOWN = Caller(known=True)
SANDBOX = Caller(known=False, drafts=True)


@pytest.mark.parametrize(
    ("status", "new", "known", "sandbox"),
    [
        ("draft", Serving.DRAFT, Serving.DRAFT, Serving.SERVED),
        ("active", Serving.SERVED, Serving.SERVED, Serving.SERVED),
        ("deprecated", Serving.NOTICED, Serving.NOTICED, Serving.NOTICED),
        ("sunset", Serving.GONE, Serving.NOTICED, Serving.GONE),
        ("retired", Serving.GONE, Serving.GONE, Serving.GONE),
        ("withdrawn", Serving.GONE, Serving.GONE, Serving.GONE),
    ],
)
def test_who_gets_a_version_depends_on_how_far_it_has_come(
    status: str, new: Serving, known: Serving, sandbox: Serving
) -> None:
    record = VersionRecord(status=status)
    assert [serving(record, who, NOW) for who in (NEW, KNOWN, SANDBOX)] == [new, known, sandbox]


def test_the_announced_day_counts_without_anybody_recording_it() -> None:
    record = VersionRecord(status="deprecated", sunset_at="2026-05-12T00:00:00Z")
    assert standing(record, NOW) is Status.SUNSET
    assert serving(record, NEW, NOW) is Serving.GONE
    before = datetime(2026, 5, 11, 23, 59, 59, tzinfo=UTC)
    assert serving(record, NEW, before) is Serving.NOTICED


def test_callers_are_told_from_the_deprecation_on() -> None:
    record = VersionRecord(
        status="deprecated",
        deprecated_at="2026-01-01T00:00:00Z",
        sunset_at="2026-09-01T00:00:00Z",
        successor="2.0.0",
    )
    assert notice_of(record) == Notice(
        deprecated_at=datetime(2026, 1, 1, tzinfo=UTC),
        sunset_at=datetime(2026, 9, 1, tzinfo=UTC),
        successor="2.0.0",
    )
    assert notice_of(VersionRecord(status="active")) is None
