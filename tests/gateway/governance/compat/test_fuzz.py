"""A "compatible" is never wrong: random pairs of schemas against random documents.

The generator knows every keyword. A document that the old schema accepts and the new one refuses
disproves a proof; a witness has to be such a document.
"""

import random

import pytest

from gateway.governance import Profile
from gateway.governance.compat import covers, prepared
from gateway.governance.compat.engine import Engine
from gateway.governance.compat.samples import guesses
from tests.gateway.governance.compat.schemas import document, pair

DOCUMENTS = 60


@pytest.mark.parametrize("slice_start", range(0, 600, 50))
def test_no_document_disproves_a_proof(slice_start: int) -> None:
    decided = 0
    for seed in range(slice_start, slice_start + 50):
        rng = random.Random(seed)
        old, new = pair(rng)
        writer, reader = Engine(old), Engine(new)
        if writer.fault or reader.fault:
            continue
        found = covers(new, old)
        decided += found.verdict != "review"
        documents = [*guesses(old, new), *(document(rng) for _ in range(DOCUMENTS))]
        telling = [d for d in documents if writer.accepts(d) and reader.accepts(d) is False]
        assert not (found.verdict == "compatible" and telling), seed
        for witness in found.witness:
            assert writer.accepts(witness) is True, seed
            assert reader.accepts(witness) is False, seed
    assert decided >= 45


def test_writers_and_readers_differ_and_no_document_disproves_their_proofs() -> None:
    for seed in range(10_000, 10_120):
        rng = random.Random(seed)
        old, new = pair(rng)
        if Engine(old).fault or Engine(new).fault:
            continue
        sides = prepared(new, Profile.READER), prepared(old, Profile.WRITER)
        reader, writer = (Engine(side) for side in sides)
        found = covers(*sides)
        documents = [*guesses(*sides), *(document(rng) for _ in range(DOCUMENTS))]
        telling = [d for d in documents if writer.accepts(d) and reader.accepts(d) is False]
        assert not (found.verdict == "compatible" and telling), seed
