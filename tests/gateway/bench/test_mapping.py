"""The benchmark compares like with like, and reports what its help says."""

from gateway.bench.mapping import documents, handwritten, language, run


def test_both_sides_make_the_same_documents() -> None:
    mapping, predicate = language()
    invented = documents(200, 3)
    assert [mapping.run(one, {}) for one in invented] == [handwritten(one) for one in invented]
    held = [predicate.test(one, {}) for one in invented]
    assert any(held)
    assert not all(held)


def test_the_report_has_the_names_of_its_help() -> None:
    report = run(documents_per_turn=100, turns=2)
    assert report["bench"] == "mapping"
    for name in [*report["figures"], *report["ratios"]]:
        assert f"`{name}`" in (run.__doc__ or "")
    assert report["ratios"]["vs_handwritten"] > 0.2
