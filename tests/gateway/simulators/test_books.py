"""The effect journal."""

from pathlib import Path

from gateway.simulators.books import Journal, effects_in


async def test_a_torn_last_line_is_cut_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "books" / "effects.jsonl"
    first = Journal(path)
    assert first.open() == []
    first.append({"key": "a", "effects": 1})
    await first.sync()
    first.close()
    with path.open("ab") as file:
        file.write(b'{"key":"b","eff')
    assert effects_in(path) == {"a": 1}
    second = Journal(path)
    assert second.open() == [{"key": "a", "effects": 1}]
    second.append({"key": "c", "effects": 1})
    await second.sync()
    second.close()
    assert effects_in(path) == {"a": 1, "c": 1}


async def test_a_journal_without_a_file_keeps_nothing() -> None:
    journal = Journal()
    assert journal.open() == []
    journal.append({"key": "a", "effects": 1})
    await journal.sync()
    journal.close()
