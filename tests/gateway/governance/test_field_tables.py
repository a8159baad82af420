"""Field tables: a row for every field, with what a reader must know."""

from gateway.governance.docs import Field, contract_fields, contract_table
from gateway.registry import Registry


def fields(registry: Registry, name: str) -> dict[str, Field]:
    return {field.path: field for field in contract_fields(registry.bundled_schema(name))}


def test_fields_are_named_by_their_path_with_type_and_phi(registry: Registry) -> None:
    found = fields(registry, "remittance-advice")
    paid = found["claims[].service_lines[].paid"]
    assert (paid.kind, paid.required, paid.phi) == ("money", True, "none")
    patient = found["claims[].patient.last_name"]
    assert (patient.kind, patient.required, patient.phi, patient.mask) == (
        "text to 120",
        False,
        "name",
        "full",
    )
    assert found["currency"].kind == 'always `"USD"`'
    assert found["source.channel"].kind.endswith("`manual` or a newer code")
    assert found["claims[].patient_control_number"].description.endswith("(CLP01).")


def test_a_table_has_a_row_for_every_field(registry: Registry) -> None:
    contract = registry.contract("journal-entry")
    table = contract_table(contract, registry.bundled_schema("journal-entry"))
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) == len(fields(registry, "journal-entry"))
    assert "| `lines[].debit` | money | yes |  | Debit amount. |" in rows
    assert table.startswith("Version 0.1.0, draft. Owner: finance.")


def test_a_type_that_contains_itself_ends() -> None:
    schema = {
        "properties": {"top": {"$ref": "#/$defs/node"}},
        "$defs": {
            "node": {
                "type": "object",
                "properties": {
                    "next": {"$ref": "#/$defs/node"},
                    "all": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
            }
        },
    }
    assert [field.path for field in contract_fields(schema)] == ["top", "top.next", "top.all[]"]
