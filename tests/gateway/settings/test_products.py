"""Products of the API as they stand in the configuration."""

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.settings import Classification, Config, Operation, read_config

PRODUCT = """\
product: advices
operations: [submit, read]
contracts: {remittance-advice: [1, 2]}
scopes: [message.submit]
ceiling: restricted
approved:
  - {client: billing, by: Ada Quill, at: 2026-04-02}
quota:
  requests: {limit: 600, per_seconds: 60}
"""


def read(folder: Path, **files: str) -> Config:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_config(folder, {})


def test_what_is_not_said_is_nothing(tmp_path: Path) -> None:
    found = read(tmp_path, products__bare="product: bare\n").products["bare"]
    assert (found.operations, found.contracts, found.scopes) == ((), {}, ())
    assert not found.covers("remittance-advice", 1)
    assert not found.approves("billing")
    assert found.ceiling is Classification.INTERNAL


def test_a_client_has_a_product_where_somebody_approved_it(tmp_path: Path) -> None:
    client = "client: billing\nproducts: [advices]\n"
    found = read(tmp_path, products__advices=PRODUCT, clients__billing=client)
    product = found.products["advices"]
    assert product.operations == (Operation.SUBMIT, Operation.READ)
    assert product.approves("billing")
    assert not product.approves("other")
    assert product.covers("remittance-advice", 2)
    assert not product.covers("remittance-advice", 3)
    assert "products/advices.yaml" in found.files


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({"products__other": PRODUCT}, 1),
        ({"products__advices": PRODUCT.replace("read]", "write]")}, 2),
        ({"products__advices": PRODUCT.replace("limit: 600", "limit: 0")}, 9),
        ({"products__advices": PRODUCT + "show: full\napproval: auto\n"}, 10),
        ({"clients__billing": "client: billing\nproducts:\n  - advices\n"}, 3),
    ],
)
def test_a_wrong_product_is_named_with_its_line(
    tmp_path: Path, files: dict[str, str], line: int
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, **files)
    assert caught.value.line == line
