"""What an answer means."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.http import Answer
from connectors.http_api.answers import holds, judge, read_answer
from connectors.http_api.settings import Condition, ErrorRule
from connectors.http_api.template import MISSING
from connectors.retry_after import retry_after_seconds

NOW = datetime(2026, 7, 15, 12, 0, tzinfo=UTC)


def reading(status=200, body=b"{}", content_type="application/json", **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = Answer(status=status, headers={"content-type": content_type, **names}, body=body)
    return read_answer(answer)


def judged(read, *rules, step="s", expects="json"):
    decoded = msgspec.convert(list(rules), list[ErrorRule])
    return judge(read, decoded, step=step, expects=expects, now=NOW)


@pytest.mark.parametrize(
    ("after", "seconds"),
    [(timedelta(minutes=2), 120), (timedelta(days=9), 86400), (timedelta(days=-1), 1)],
)
def test_a_wait_given_as_a_date_is_read_and_bounded(after, seconds):
    header = format_datetime(NOW + after, usegmt=True)
    assert retry_after_seconds({"retry-after": header}, NOW) == seconds


@settings(deadline=None)
@given(st.text(max_size=40))
def test_no_retry_after_breaks_the_reading(text):
    wait = retry_after_seconds({"retry-after": text}, NOW)
    assert wait is None or 1 <= wait <= 86400


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(200, 599), st.sampled_from(["application/json", ""]))
def test_no_answer_breaks_the_judgement(body, status, content_type):
    verdict = judged(reading(status, body, content_type))
    assert verdict is None or verdict.class_ != "duplicate"


def test_a_number_with_a_fraction_stays_text_and_a_whole_one_stays_whole():
    body = b'{"a":0.10,"b":1e2,"c":12345678901234567890123}'
    assert reading(body=body).body == {"a": "0.10", "b": "1e2", "c": 12345678901234567890123}


def test_the_first_rule_that_fits_decides():
    rules = (
        {"when": {"status": [422]}, "class": "destination", "code": "first"},
        {"when": {"status_range": [400, 499]}, "class": "throttled", "code": "second"},
    )
    assert judged(reading(422), *rules).code == "first"
    assert judged(reading(400), *rules).code == "second"
    assert judged(reading(500), *rules).code == "http_500"
    assert judged(reading(200), *rules) is None


def test_all_tests_of_a_rule_must_hold():
    when = {
        "status": [200],
        "content_type": "application/json",
        "header": {"name": "X-Result", "equals": "bad"},
        "body": {"path": "ok", "equals": False},
        "step": ["s"],
    }
    rule = {"when": when, "class": "message"}
    good = {"status": 200, "body": b'{"ok":false}', "x_result": "bad"}
    assert judged(reading(**good), rule).class_ == "message"
    assert judged(reading(**{**good, "body": b'{"ok":true}'}), rule) is None
    assert judged(reading(**{**good, "body": b'{"ok":0}'}), rule) is None
    assert judged(reading(**{**good, "x_result": "good"}), rule) is None
    assert judged(reading(**good), rule, step="other") is None


def test_a_body_rule_does_not_hide_that_the_body_is_unreadable():
    rule = {"when": {"status": [200], "body": {"path": "ok", "exists": False}}, "class": "message"}
    assert judged(reading(body=b'{"ok"'), rule).code == "reply_unreadable"
    assert judged(reading(body=b"{}"), rule).class_ == "message"


def test_a_conflict_with_a_try_under_way_is_unknown():
    assert judged(reading(409)).class_ == "message"
    assert judged(reading(409, retry_after="1")).class_ == "unknown"


def test_any_answer_will_do_where_the_step_says_so():
    page = reading(body=b"<p>ok</p>", content_type="text/html")
    assert judged(page, expects="any") is None
    assert judged(page).code == "reply_not_json"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("a.b", True),
        ("a.none", False),
        ("a.empty", False),
        ("a.false", False),
        ("a.gone", False),
        ({"path": "a.b", "equals": 1}, True),
        ({"path": "a.b", "equals": True}, False),
        ({"path": "a.b", "in": [2, 1]}, True),
        ({"path": "a.b", "in": []}, False),
        ({"path": "a.gone", "exists": False}, True),
        ({"path": "a.none", "exists": False}, True),
        ({"path": "a.none"}, False),
        ({"path": "a.amount", "equals": 1.5}, True),
    ],
)
def test_conditions(condition, expected):
    scope = {"a": {"b": 1, "none": None, "empty": "", "false": False, "amount": "1.5"}}
    if isinstance(condition, dict):
        condition = msgspec.convert(condition, Condition)
    assert holds(condition, scope) is expected


def test_plain_text_is_tried_as_json_and_is_otherwise_none():
    assert reading(body=b'{"a":1}', content_type="text/plain").body == {"a": 1}
    assert reading(body=b"OK", content_type="text/plain").body is MISSING
    assert reading(body=b"  ", content_type="").body is None
