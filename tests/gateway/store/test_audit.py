"""The audit chain: whatever is changed inside it is found at the right row."""

import random

import pytest

from gateway.errors import StorageFault
from gateway.store import AuditEntry, KeyRing, verify_chain
from gateway.store.audit import AuditChain, reason_place


@pytest.fixture
def chain():
    grown = AuditChain("hub")
    return [
        grown.extend(
            AuditEntry("kim", "release", f"art_{number}", detail={"b": "2", "a": str(number)}),
            at=1000 + number,
        )
        for number in range(50)
    ]


def test_an_untouched_chain_holds(chain):
    assert verify_chain(chain) is None
    assert verify_chain([]) is None


def test_every_changed_value_is_found_at_its_row(chain):
    randomness = random.Random(2)
    for column in chain[0]:
        index = randomness.randrange(50)
        row = chain[index]
        changed = row[column] + 1 if isinstance(row[column], int) else row[column] + "x"
        found = verify_chain([*chain[:index], row | {column: changed}, *chain[index + 1 :]])
        assert found == index + 1, column


def test_a_removed_a_swapped_and_a_repeated_row_are_found(chain):
    assert verify_chain([*chain[:9], *chain[10:]]) == 10
    assert verify_chain([*chain[:9], chain[10], chain[9], *chain[11:]]) == 10
    assert verify_chain([*chain[:9], chain[8], *chain[9:]]) == 10
    assert verify_chain(chain[1:]) == 1


def test_a_row_put_in_with_a_hash_of_its_own_breaks_the_next(chain):
    forger = AuditChain("hub", seq=9, last_hash=chain[8]["hash"])
    forged = forger.extend(AuditEntry("kim", "release", "art_other"), at=1009)
    assert verify_chain([*chain[:9], forged, *chain[10:]]) == 11


def test_a_changed_row_cannot_be_hidden_by_mending_the_link_to_it(chain):
    forger = AuditChain("hub", seq=9, last_hash=chain[8]["hash"])
    forged = forger.extend(AuditEntry("kim", "release", "art_other"), at=1009)
    mended = chain[10] | {"prev_hash": forged["hash"]}
    assert verify_chain([*chain[:9], forged, mended, *chain[11:]]) == 11


def test_a_cut_tail_is_seen_only_with_the_anchor(chain):
    assert verify_chain(chain[:40]) is None
    assert chain[39]["hash"] != chain[49]["hash"]


def test_a_sealed_reason_opens_in_its_own_row_only(tmp_path):
    keys = KeyRing.open(tmp_path / "hub.key")
    words = "asked for by R. Pellworth, \ud800"
    sealed = keys.seal_reason(reason_place("hub", 7), words)
    assert "Pellworth" not in sealed
    opened = keys.open_reason(reason_place("hub", 7), sealed)
    assert opened == "asked for by R. Pellworth, \\ud800"
    for place in (reason_place("hub", 8), reason_place("other", 7)):
        with pytest.raises(StorageFault):
            keys.open_reason(place, sealed)
    with pytest.raises(StorageFault):
        keys.open_reason(reason_place("hub", 7), "a reason of somebody's in clear")
