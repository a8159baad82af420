"""From errors of ours to problem documents."""

import pytest

from gateway.api.problems import PROBLEMS, problem_of
from gateway.api.trace import TraceFacts, read_trace
from gateway.errors import (
    ConfigError,
    Conflict,
    HubError,
    NotFound,
    Reject,
    StorageFault,
    UsageFault,
)
from gateway.store import StoreUnavailable

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UsageFault("x"), 400, "usage"),
        (NotFound("x", code="contract_not_found"), 404, "contract_not_found"),
        (Conflict("x", code="unit_conflict"), 409, "unit_conflict"),
        (Reject("x", code="artifact_too_large"), 413, "artifact_too_large"),
        (Reject("x", code="number_not_finite"), 422, "number_not_finite"),
        (ConfigError("x", file="a.yaml", line=3), 422, "config_invalid"),
        (StorageFault("x", code="body_damaged"), 500, "body_damaged"),
        (StoreUnavailable("x"), 503, "store_unavailable"),
        (StoreUnavailable("x", code="disk_full"), 507, "disk_full"),
        (HubError("x", code="odd"), 500, "odd"),
    ],
)
def test_an_error_keeps_its_code_and_gets_its_status(
    error: HubError, status: int, code: str
) -> None:
    problem = problem_of(error, TraceFacts(request_id="r-1"))
    assert (problem.status, problem.code) == (status, code)
    assert problem.type == f"/problems/{code}"
    assert problem.instance == "urn:remithub:request:r-1"
    answer = problem.response()
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (status in (503, 507))


def test_a_configuration_problem_names_file_and_line() -> None:
    problem = problem_of(ConfigError("bad", file="a.yaml", line=3), TraceFacts())
    assert (problem.file, problem.line, problem.detail) == ("a.yaml", 3, "a.yaml:3: bad")


def test_titles_are_told_apart() -> None:
    titles = [row.title for row in PROBLEMS.values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize(
    "parent",
    [
        "",
        PARENT.upper(),
        PARENT[:-1],
        PARENT.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
        PARENT.replace("b7ad6b7169203331", "0" * 16),
        "ff" + PARENT[2:],
        PARENT + "-more",
    ],
)
def test_a_trace_of_the_wrong_form_is_none(parent: str) -> None:
    assert read_trace([(b"traceparent", parent.encode())], "r-2").traceparent == ""


@pytest.mark.parametrize("parent", [PARENT, "01" + PARENT[2:], "01" + PARENT[2:] + "-more"])
def test_a_trace_of_a_later_version_may_say_more(parent: str) -> None:
    facts = read_trace([(b"traceparent", parent.encode())], "r-3")
    assert facts.traceparent == parent
    assert facts.trace_id == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("own", ["", "a b", "x" * 65, "a\x7f"])
def test_an_id_of_the_wrong_form_is_replaced(own: str) -> None:
    assert read_trace([(b"x-request-id", own.encode())], "r-4").request_id == "r-4"
