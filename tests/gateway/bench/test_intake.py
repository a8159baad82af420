"""The benchmark of the way in measures both sides, and reports what its help says."""

from gateway.bench import intake


def test_the_way_in_is_measured_beside_a_route_that_only_parses() -> None:
    report = intake.run(requests=12, concurrency=4, claims=1)
    assert report["bench"] == "intake"
    named = intake.__doc__ or ""
    for kind in ("figures", "ratios"):
        assert all(f"`{name}`" in named for name in report[kind])
        assert all(value >= 0 for value in report[kind].values())
    assert report["figures"]["intake_per_s"] > 0
    assert report["figures"]["body_bytes"] > 1000
