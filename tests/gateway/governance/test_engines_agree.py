"""The fast engine and the reference judge alike: on third-party cases, our examples, and mutations."""

import json
import random
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from gateway.governance import Profile, Validator, compile_validator
from gateway.governance.reference import ReferenceValidator, compile_reference
from gateway.governance.validator import RustValidator
from gateway.registry import Registry

ENGINES = {"fast": RustValidator, "reference": ReferenceValidator}
CONTRACTS = (
    "acknowledgement",
    "journal-entry",
    "posting-confirmation",
    "posting-request",
    "remittance-advice",
)
MUTATIONS = 1_000
ODD_VALUES = (
    None, True, False, 0, -1, 1, 10**13, "", " ", "0", "-0.00", "1.5", "12345678901234.00", "1.00\n",
    "\u0661\u0662.00", "2026-02-29", "2024-02-29", "2026-04-31", "20260401", "2026-04-01T00:00:00Z",
    "2026-06-30T23:59:60Z", "2026-06-30T22:59:60Z", "2026-04-01T00:00:00+00:00", "x" * 300,
    "\U0001f600" * 60, "e\u0301", "a" * 64, "clm_" + "0" * 32, [], {}, [[]], [None], {"x": 1},
    "\u0000", "USD", "USD ", "partial", "posted",
)  # fmt: skip


def faults(engine: Validator, document: Any) -> set[tuple[str, str]]:
    return {(fault.pointer, fault.keyword) for fault in engine.errors(document, limit=10_000)}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["remittance-docs.json", "validator-traps.json"])
def test_the_shared_documents_break_where_they_should(
    conformance: Callable[[str], Any], name: str, engine: str
) -> None:
    validator = ENGINES[engine](conformance("validation/remittance-schema.json"))
    cases = conformance(f"validation/{name}")["cases"]
    found = {case["id"]: faults(validator, case["doc"]) for case in cases}
    assert found == {case["id"]: {tuple(error) for error in case["errors"]} for case in cases}
    valid = {case["id"]: validator.valid(case["doc"]) for case in cases}
    assert valid == {case["id"]: case["valid"] for case in cases}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # old dialects of the suite's remotes
def test_the_json_schema_suite_differs_only_where_we_know(
    conformance: Callable[[str], Any], engine: str
) -> None:
    known = json.loads((Path(__file__).parent / "suite_differences.json").read_text("utf-8"))
    suite = conformance("jsonschema/draft2020-12.json")
    found: dict[str, list[str]] = {}
    judged = 0
    for group in ("required", "optional", "format"):
        for name, cases in suite[group].items():
            for place, right in judgements(ENGINES[engine], cases, suite["remotes"]):
                judged += 1
                if not right:
                    found.setdefault(f"{group}/{name}", []).append(place)
    assert judged == 1_299 + 162 + 764
    assert found == {row["where"]: row["tests"] for row in known if row["engine"] == engine}
    assert all(row["reason"] for row in known)


def judgements(engine: Any, cases: Any, remotes: Any) -> list[tuple[str, bool]]:
    """Return for each test of a suite file whether the engine gives the suite's verdict."""
    found = []
    for at, case in enumerate(cases):
        try:
            validator = engine(case["schema"], remotes)
        except Exception:
            validator = None
        for number, test in enumerate(case["tests"]):
            found.append((f"{at}.{number}", verdict(validator, test["data"]) is test["valid"]))
    return found


def verdict(validator: Any, document: Any) -> bool | None:
    """Return valid or not; None where the engine cannot tell."""
    try:
        return None if validator is None else validator.valid(document)
    except Exception:
        return None


def test_quicker_words_have_the_verdict_of_the_written_ones(
    conformance: Callable[[str], Any],
) -> None:
    suite = conformance("jsonschema/draft2020-12.json")
    days = {"definitions": {"day": {"format": "date"}}, "$ref": "#/definitions/day"}
    cases = [
        case
        for group in ("required", "optional", "format")
        for found in suite[group].values()
        for case in found
        if isinstance(case["schema"], dict)
        and case["schema"].get("$schema") not in suite["remotes"]
    ]
    cases.append({"schema": days, "tests": [{"data": "2026-0+-01"}, {"data": "2026-01-01"}]})
    judged = 0
    for case in cases:
        try:
            quick = RustValidator(case["schema"])
        except (jsonschema_rs.ReferencingError, jsonschema_rs.ValidationError, ValueError):
            continue  # it does not stand alone
        written = RustValidator(case["schema"], suite["remotes"])
        for test in case["tests"]:
            assert quick.valid(test["data"]) is written.valid(test["data"]), case
            judged += 1
    assert judged > 1_800


@pytest.mark.parametrize("beside", [{}, {"pattern": "^2"}, {"pattern": "^2", "allOf": [{}]}])
def test_a_day_is_judged_alike_in_quicker_words(beside: Any) -> None:
    chance = random.Random(5)
    schema = {"format": "date", **beside}
    quick, reference = RustValidator(schema), ReferenceValidator(schema)
    alphabet = "0123456789-+*:/ T\u0661\n"
    for _ in range(8_000):
        text = moment(chance, "date")
        for _ in range(chance.randrange(3)):
            at = chance.randrange(len(text))
            text = text[:at] + chance.choice(alphabet) + text[at + 1 :]
        assert quick.valid(text) is reference.valid(text), text


@pytest.mark.parametrize("profile", [Profile.WRITER, Profile.READER])
@pytest.mark.parametrize("name", CONTRACTS)
def test_mutated_documents_break_at_the_same_places(
    registry: Registry, examples: dict[str, list[Any]], name: str, profile: Profile
) -> None:
    schema = registry.bundled_schema(name)
    fast, reference = compile_validator(schema, profile), compile_reference(schema, profile)
    chance = random.Random(f"{name} {profile}")
    seeds = sorted((json.dumps(example) for example in examples[name]), key=len)[:3]
    refused = 0
    for _ in range(MUTATIONS // 2):
        document = mutated(json.loads(chance.choice(seeds)), chance)
        expected = faults(reference, document)
        assert faults(fast, document) == expected, json.dumps(document)
        assert fast.valid(document) is not bool(expected)
        refused += bool(expected)
    assert MUTATIONS // 8 < refused < MUTATIONS // 2


def mutated(document: Any, chance: random.Random) -> Any:
    """Return the document with one to three random changes."""
    copy = deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        change(chance.choice(places(copy)), chance)
    return copy


def places(node: Any) -> list[tuple[Any, Any]]:
    """List every place of a document as (container, key)."""
    keys: Any = node.keys() if isinstance(node, dict) else range(len(node))
    found = [(node, key) for key in keys]
    for key in keys:
        if isinstance(node[key], dict | list):
            found += places(node[key])
    return found


def change(place: tuple[Any, Any], chance: random.Random) -> None:
    container, key = place
    if isinstance(key, int) and key >= len(container):
        return
    match chance.randrange(5):
        case 0:
            container.pop(key, None) if isinstance(container, dict) else container.pop(key)
        case 1 if isinstance(container, dict):
            container[f"extra_{chance.randrange(3)}"] = deepcopy(chance.choice(ODD_VALUES))
        case 2 if isinstance(container, list):
            container.insert(key, deepcopy(container[key]))
        case 3:
            container[key] = nudged(container[key], chance)
        case _:
            container[key] = deepcopy(chance.choice(ODD_VALUES))


def nudged(value: Any, chance: random.Random) -> Any:
    """Return a text with one character changed, doubled or dropped; other values as they are."""
    if not isinstance(value, str) or not value:
        return value
    at = chance.randrange(len(value))
    return value[:at] + chance.choice(["", "0", "-", "\n", "Z", value[at] * 2]) + value[at + 1 :]


def test_formats_agree_on_odd_days_and_moments() -> None:
    chance = random.Random(20260401)
    for name in ("date", "date-time", "uuid"):
        schema = {"type": "string", "format": name}
        fast = compile_validator(schema, Profile.AS_WRITTEN)
        reference = compile_reference(schema, Profile.AS_WRITTEN)
        accepted = 0
        for _ in range(4_000):
            text = nudged(moment(chance, name), chance) if chance.random() < 0.3 else ""
            text = text or moment(chance, name)
            assert fast.valid(text) is reference.valid(text), text
            accepted += fast.valid(text)
        assert 300 < accepted < 3_900


def moment(chance: random.Random, name: str) -> str:
    """Draw a text that may just be, or just not be, of the format."""
    if name == "uuid":
        digits = f"{chance.getrandbits(128):032x}"
        return "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])
    year = chance.choice(["0000", "0001", "1900", "2000", "2024", "2026", "9999"])
    day = f"{year}-{chance.randrange(14):02}-{chance.randrange(28, 33):02}"
    if name == "date":
        return day
    clock = ":".join(
        (
            f"{chance.choice([0, 1, 12, 22, 23, 24]):02}",
            f"{chance.choice([0, 30, 58, 59, 60]):02}",
            f"{chance.choice([0, 30, 59, 60, 61]):02}",
        )
    )
    zone = chance.choice(
        ["Z", "z", "+00:00", "-00:00", "+01:00", "-05:30", "+23:59", "+24:00", ""]
    )
    fraction = chance.choice(["", ".1", ".123456789123", "."])
    return day[:8] + "28" + chance.choice("Tt ") + clock + fraction + zone
