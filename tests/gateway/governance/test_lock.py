"""The lock: a released file never changes unnoticed."""

import pytest

from gateway.governance.lock import extend_lock, verify_lock

FILES = {
    "a/0.1.0/schema.json": b"draft",
    "a/1.0.0/schema.json": b"released",
    "a/1.0.0/examples/valid/x.json": b"{}",
    "common/1.0.0/money.json": b"money",
}
LOCK = extend_lock("", FILES)


def test_what_was_locked_is_clean() -> None:
    assert verify_lock(LOCK, FILES) == []


def test_drafts_may_change() -> None:
    assert verify_lock(LOCK, FILES | {"a/0.1.0/schema.json": b"other"}) == []


@pytest.mark.parametrize("file", [name for name in FILES if "/1." in name])
def test_one_changed_byte_is_found(file: str) -> None:
    changed = FILES | {file: FILES[file][:-1] + b"!"}
    assert [(one.file, one.rule) for one in verify_lock(LOCK, changed)] == [(file, "lock_changed")]


def test_a_missing_and_a_new_file_are_found() -> None:
    files = {name: body for name, body in FILES.items() if not name.startswith("common")}
    files["a/1.1.0/schema.json"] = b"new"
    assert [(one.file, one.rule) for one in verify_lock(LOCK, files)] == [
        ("a/1.1.0/schema.json", "lock_missing"),
        ("common/1.0.0/money.json", "lock_gone"),
    ]


def test_extending_adds_new_files_and_never_changes_an_entry() -> None:
    changed = FILES | {"common/1.0.0/money.json": b"!", "b/2.0.0/schema.json": b"b"}
    extended = extend_lock(LOCK, changed)
    assert set(LOCK.splitlines()) < set(extended.splitlines())
    assert [one.rule for one in verify_lock(extended, changed)] == ["lock_changed"]


def test_a_draft_may_change_until_it_is_released() -> None:
    files = {"thing/1.0.0/schema.json": b"{}", "thing/2.0.0/schema.json": b"{}"}
    drafts = frozenset({"thing/2.0.0"})
    lock = extend_lock("", files, drafts)
    assert [line.split()[1] for line in lock.splitlines()] == ["thing/1.0.0/schema.json"]
    assert verify_lock(lock, files, drafts) == []
    assert [one.rule for one in verify_lock(lock, files)] == ["lock_missing"]
    released = extend_lock(lock, files)
    assert [one.rule for one in verify_lock(released, files, drafts)] == ["lock_gone"]
