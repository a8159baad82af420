"""The example of mappings/README.md is a mapping: it compiles and runs as it stands there."""

from pathlib import Path
from typing import Any

from gateway.translation import compile_mapping

TEXT = {"type": "string"}
MONEY = {"type": "string", "x-money": {"scale": 2}}


def record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


RECEIPT = record(
    id=TEXT,
    received_at=TEXT,
    payer=record(name=TEXT, contacts={"type": "array"}),
    claims={"type": "array", "items": record(note=TEXT, code=TEXT)},
    items={"type": "array", "items": record(price=MONEY, count={"type": "integer"}, kind=TEXT)},
) | {"required": ["id"]}
RECEIPT["properties"]["note"] = TEXT


def test_the_example_of_the_readme_runs(root: Path) -> None:
    page = (root / "mappings" / "README.md").read_text(encoding="utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    mapping = compile_mapping(
        text,
        source_schema=RECEIPT,
        target_schema=None,
        tables=lambda name: "kind,account,valid_from,valid_to\nIN,1000,,\n*,2000,,\n",
        file="README.md",
    )
    out = mapping.run(
        {
            "id": "r1",
            "received_at": "2026-05-17T08:00:00Z",
            "payer": {"name": "P", "contacts": []},
            "claims": [{"note": "n", "code": "c"}],
            "items": [
                {"price": "1.25", "count": 2, "kind": "IN"},
                {"price": "0.00", "count": 1, "kind": "x"},
            ],
        },
        {},
    )
    assert out["total"] == "2.50"
    assert out["header"] == {"period": "2026-05"}
    assert [row["account"] for row in out["lines"]] == ["1000", "9000", "9001", "9000"]
    assert [item["kind"] for item in out["items"]] == ["IN", "X"]
    assert out["payer"] == {"name": "P"}
    assert out["claims"] == [{"code": "c"}]
    assert "note" not in out
