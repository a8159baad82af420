"""Masking: nothing that is PHI stays visible, and what is not understood is hidden."""

import json
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.governance import MaskPlan, compile_mask, phi_classes, shown_in_full
from gateway.governance.docs import contract_fields
from gateway.registry import Registry

KEY = b"a tenant's own key, 32 bytes long"
CONTRACTS = ("posting-confirmation", "posting-request", "remittance-advice")


def leaf(group: str, mask: str = "") -> dict[str, Any]:
    return {
        "type": "string",
        "x-phi": {"class": group, "mask": mask} if mask else {"class": group},
    }


def plan(**properties: Any) -> MaskPlan:
    return compile_mask({"type": "object", "properties": properties}, KEY)


def canaries(schema: dict[str, Any], types: dict[str, Any]) -> Any:
    """Build a document with every field of the schema; each PHI value carries a canary."""
    if "$ref" in schema:
        return canaries(types[schema["$ref"].rpartition("/")[2]], types)
    if "properties" in schema:
        return {name: canaries(child, types) for name, child in schema["properties"].items()}
    if "items" in schema:
        return [canaries(schema["items"], types)] * 2
    return "CANARY-CANARY" if schema["x-phi"]["class"] != "none" else "plain"


@pytest.mark.parametrize("name", CONTRACTS)
def test_no_canary_survives_the_mask_of_a_contract(registry: Registry, name: str) -> None:
    schema = registry.bundled_schema(name)
    document = canaries(schema, schema["$defs"])
    planted = json.dumps(document).count("CANARY-CANARY")
    assert planted >= sum(field.phi != "none" for field in contract_fields(schema)) > 0
    masked = json.dumps(compile_mask(schema, KEY).mask(document))
    assert "CANARY-" not in masked
    assert "plain" in masked


def test_every_mask_leaves_what_it_says() -> None:
    masks = plan(
        kept=leaf("none"),
        hidden=leaf("name", "full"),
        account=leaf("account-number", "last4"),
        born=leaf("date", "year"),
        claim=leaf("claim-id", "hash"),
    )
    masked = masks.mask(
        {
            "kept": "CO",
            "hidden": "OAKHEART",
            "account": "RV-7731-0042",
            "born": "1961-02-03",
            "claim": "HM26091000042",
        }
    )
    assert masked.pop("claim").startswith("hmac:")
    assert masked == {
        "kept": "CO",
        "hidden": "[masked]",
        "account": "***0042",
        "born": "1961",
    }


def test_a_short_number_shows_none_of_its_characters() -> None:
    assert plan(a=leaf("ssn", "last4")).mask({"a": "1234567"}) == {"a": "[masked]"}


def test_a_date_that_is_none_shows_no_year() -> None:
    masked = plan(a=leaf("date", "year")).mask({"a": "1234-5678-9"})
    assert masked == {"a": "[masked]"}


def test_hashes_join_under_one_key_and_not_under_another() -> None:
    schema = {"type": "object", "properties": {"a": leaf("mrn", "hash"), "b": leaf("mrn", "hash")}}
    masked = compile_mask(schema, KEY).mask({"a": "MRN-1", "b": "MRN-1"})
    other = compile_mask(schema, KEY[::-1]).mask({"a": "MRN-1", "b": "MRN-2"})
    assert masked["a"] == masked["b"]
    assert len({masked["a"], other["a"], other["b"]}) == 3


def test_what_is_not_annotated_or_not_declared_is_hidden_with_its_name() -> None:
    masks = plan(a={"type": "string"}, b=leaf("none"))
    assert masks.mask({"a": "x", "b": "y", "JANE DOE": "z"}) == {
        "a": "[masked]",
        "b": "y",
        "[undeclared 1]": "[masked]",
    }


def test_a_value_of_the_wrong_shape_is_hidden() -> None:
    masks = plan(
        scalar=leaf("none"),
        listed={"type": "array", "items": leaf("none")},
        nested={"type": "object", "properties": {"a": leaf("none")}},
    )
    document = {"scalar": {"name": "X"}, "listed": "X", "nested": ["X"]}
    assert masks.mask(document) == dict.fromkeys(document, "[masked]")
    assert masks.mask(["X"]) == "[masked]"


def test_of_two_masks_for_one_value_the_stronger_counts() -> None:
    schema = {
        "type": "object",
        "$defs": {"free": leaf("none")},
        "properties": {"a": {"$ref": "#/$defs/free", "x-phi": {"class": "name", "mask": "full"}}},
        "allOf": [{"properties": {"b": leaf("none")}}, {"properties": {"b": leaf("mrn", "hash")}}],
    }
    masked = compile_mask(schema, KEY).mask({"a": "X", "b": "Y"})
    assert masked["a"] == "[masked]"
    assert masked["b"].startswith("hmac:")


def test_a_type_that_contains_itself_is_masked_at_any_depth() -> None:
    node = {
        "type": "object",
        "properties": {"name": leaf("name", "full"), "next": {"$ref": "#/$defs/node"}},
    }
    masks = compile_mask({"$ref": "#/$defs/node", "$defs": {"node": node}}, KEY)
    document: dict[str, Any] = {"name": "END"}
    for _ in range(20):
        document = {"name": "X", "next": document}
    masked = json.dumps(masks.mask(document))
    assert masked.count("[masked]") == 21
    assert "END" not in masked


def test_a_short_key_and_an_unknown_mask_are_refused() -> None:
    with pytest.raises(ConfigError, match="16 bytes"):
        compile_mask({}, b"short")
    with pytest.raises(ConfigError, match="not known"):
        plan(a=leaf("name", "blur"))
    with pytest.raises(ConfigError, match="not known"):
        plan(a=leaf("name"))


def test_the_classes_of_a_contract_are_listed_without_none(registry: Registry) -> None:
    assert phi_classes(registry.bundled_schema("journal-entry")) == frozenset()
    assert "name" in phi_classes(registry.bundled_schema("remittance-advice"))


def test_only_what_a_masked_document_shows_may_stand_in_clear() -> None:
    inner = {"type": "object", "properties": {"key": leaf("none"), "name": leaf("name", "full")}}
    schema = {
        "type": "object",
        "properties": {"a": inner, "ends": leaf("member-id", "last4"), "odd": {"type": "string"}},
    }
    assert shown_in_full(schema, "a.key")
    for path in ("a.name", "a", "a.missing", "ends", "odd", "key"):
        assert not shown_in_full(schema, path), path
