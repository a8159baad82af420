"""The conformance cases beside the repository: every verdict, none left to people."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.governance.compat import CompatProfile, Mode, Report, Subject, compare, draft_named

FOLDER = Path(__file__).resolve().parents[4] / "../shared/samples/conformance/compat"
VERDICTS = {True: "compatible", False: "incompatible"}
TOO_FEW_DOCUMENTS = {("ap-046", "forward"), ("ap-049", "forward")}
"""Graded compatible there because no document of six properties was tried: 5 properties pass
`minProperties: 5` and fail `minProperties: 10`, and the validator says so of our witness."""


def cases(name: str) -> list[dict[str, Any]]:
    file = FOLDER / name
    if not file.is_file():
        pytest.skip(f"the conformance samples are not here: {name}")
    return list(json.loads(file.read_text(encoding="utf-8"))["cases"])


def compared(case: dict[str, Any], profile: CompatProfile) -> Report:
    return compare(
        [Subject("o", case["old"])],
        Subject("n", case["new"]),
        mode=Mode.FULL,
        profile=profile,
        draft=draft_named(case.get("dialect")),
    )


@pytest.mark.parametrize("profile", list(CompatProfile))
def test_the_cases_of_the_hub_have_their_verdicts(profile: CompatProfile) -> None:
    for case in cases("hub-cases.json"):
        found = compared(case, profile)
        for way in ("backward", "forward"):
            expected = case[profile.value][way]
            if expected is not None:
                assert found.inclusions[f"o {way}"].verdict == VERDICTS[expected], case["id"]


def test_the_cases_of_others_have_their_meaning() -> None:
    for case in cases("apicurio-cases.json"):
        found = compared(case, CompatProfile.STRICT)
        for way in ("backward", "forward"):
            verdict = found.inclusions[f"o {way}"].verdict
            if (case["id"], way) in TOO_FEW_DOCUMENTS:
                assert verdict == "incompatible"
            else:
                assert verdict == VERDICTS[case["semantic"][way]], (case["id"], way)
