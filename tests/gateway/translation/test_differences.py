"""Differences between documents, place by place."""

import pytest

from gateway.translation.differences import differences


@pytest.mark.parametrize(
    ("expected", "found", "told"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": "1.0"}, {"a": "1.00"}, [("/a", '"1.0"', '"1.00"')]),
        ({"a": True}, {"a": 1}, [("/a", "true", "1")]),
        ({"a": 1, "b": 2}, {"b": 2, "c": 3}, [("/a", "1", ""), ("/c", "", "3")]),
        ({"a": [1, 2]}, {"a": [1]}, [("/a/1", "2", "")]),
        ({"a": [1]}, {"a": [1, 2]}, [("/a/1", "", "2")]),
        ({"a/b": {"~": 1}}, {"a/b": {"~": 2}}, [("/a~1b/~0", "1", "2")]),
        ([], {}, [("", "[]", "{}")]),
        (None, 0, [("", "null", "0")]),
    ],
)
def test_each_place_is_told_once(
    expected: object, found: object, told: list[tuple[str, str, str]]
) -> None:
    got = [(d.pointer, d.expected, d.found) for d in differences(expected, found)]
    assert got == told
