"""The writer of contract.yaml: one record changes, every other byte and every comment stays."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.registry import ProposedStep, VersionRecord, Waived, with_record
from gateway.registry.reading import header_of

HEAD = """\
# Whose this is.
id: com.example.thing
name: thing  # the folder's
title: Thing
owner: team
support: desk
status: draft

compatibility: FULL_TRANSITIVE
classification: internal
retention_days: 30
"""
VERSIONS = """\
versions:
  # the first one
  "1.0.0":  # released
    # nobody doubts it
    status: active  # for good
    author: anna
    # until then
    proposed:  # waits
      to: deprecated  # soon
      by: anna
      at: "2026-05-12T08:30:00Z"
  "1.1.0": draft

  # the last word
index:
  amount: total
"""
RECORD = VersionRecord(status="deprecated", author="anna", approved_by="ben", successor="1.1.0")


def write(text: str, version: str, record: VersionRecord) -> str:
    return with_record(text, version, record, file="contract.yaml")


def test_a_first_record_is_put_at_the_end() -> None:
    assert write(
        HEAD, "1.0.0", VersionRecord(status="active", active_at="2026-05-12T00:00:00Z")
    ) == (
        HEAD + 'versions:\n  "1.0.0":\n    status: active\n    active_at: "2026-05-12T00:00:00Z"\n'
    )


def test_a_record_is_changed_and_its_comments_stay() -> None:
    after = write(HEAD + VERSIONS, "1.0.0", RECORD)
    assert after == HEAD + VERSIONS.replace(
        """\
    status: active  # for good
    author: anna
    # until then
    proposed:  # waits
      to: deprecated  # soon
      by: anna
      at: "2026-05-12T08:30:00Z"
""",
        """\
    status: deprecated  # for good
    author: anna
    approved_by: ben
    successor: "1.1.0"
""",
    )


def test_a_bare_status_becomes_a_record() -> None:
    step = ProposedStep(
        to="retired", by="o'neil: #1", at="x", waiver=Waived(reason="yes", until="2026-06-01")
    )
    record = VersionRecord(status="draft", stability="beta", proposed=step)
    after = write(HEAD + VERSIONS, "1.1.0", record)
    assert header_of(after, file="").record("1.1.0") == record
    assert after.startswith(HEAD + VERSIONS.partition('  "1.1.0"')[0])
    assert after.endswith("\n\n  # the last word\nindex:\n  amount: total\n")


def test_another_version_is_added_behind_the_others() -> None:
    after = write(HEAD + VERSIONS, "2.0.0", VersionRecord(status="draft"))
    assert after == (HEAD + VERSIONS).replace(
        '"1.1.0": draft\n', '"1.1.0": draft\n  "2.0.0":\n    status: draft\n'
    )


def test_a_file_without_a_last_line_end_gets_one() -> None:
    after = write(HEAD.rstrip("\n"), "1.0.0", VersionRecord(status="draft"))
    assert after == HEAD + 'versions:\n  "1.0.0":\n    status: draft\n'


@pytest.mark.parametrize("written", ['{"1.0.0": active}', "{}"])
def test_versions_in_braces_are_left_to_people(written: str) -> None:
    with pytest.raises(ConfigError, match=r"contract.yaml:12: write `versions`"):
        write(f"{HEAD}versions: {written}\n", "1.0.0", RECORD)


def test_lines_that_end_as_on_windows_and_blank_lines_at_the_end_stay() -> None:
    text = (HEAD + VERSIONS).replace("\n", "\r\n") + "\n\n"
    after = write(text, "2.0.0", VersionRecord(status="draft"))
    assert after == text.replace(
        '"1.1.0": draft\r\n', '"1.1.0": draft\r\n  "2.0.0":\n    status: draft\n'
    )


@given(
    st.builds(
        VersionRecord,
        status=st.sampled_from(["draft", "active"]),
        author=st.text(max_size=30),
        approved_by=st.sampled_from(
            ["", "no", "Yes", "0x1", "1.10", "a: b", "- a", "# x", "a #b"]
        ),
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text_is_read_again_the_same_or_refused(record: VersionRecord) -> None:
    try:
        after = write(HEAD + VERSIONS, "1.0.0", record)
    except ConfigError:
        assert not record.author.isprintable()
    else:
        assert header_of(after, file="").record("1.0.0") == record


def test_what_is_written_is_read_again_the_same() -> None:
    text = HEAD
    for version in ("1.0.0", "1.1.0", "1.0.0"):
        text = write(text, version, RECORD)
    header = header_of(text, file="")
    assert header.versions == {"1.0.0": RECORD, "1.1.0": RECORD}
