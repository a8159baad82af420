"""`remithub bench codec` on a small file: the shape it promises, and that it measures something."""

import gc

import pytest

from gateway.bench.codec import run


def test_the_codec_bench_returns_the_figures_and_ratios_it_names():
    before = gc.get_threshold()
    found = run(megabytes=0.2, claims=10, turns=1)
    assert gc.get_threshold() == before
    assert found["bench"] == "codec"
    assert set(found["figures"]) == {"mb_per_cpu_s", "claims_per_cpu_s", "peak_rss_mb"}
    assert all(value > 0 for value in found["figures"].values())
    assert found["machine"]["cpus"] >= 1


def test_the_ratios_are_there_where_the_other_readers_are():
    pytest.importorskip("oxedi", reason="needs the extra `bench`")
    pytest.importorskip("pyx12", reason="needs the extra `bench`")
    ratios = run(megabytes=0.2, claims=10, turns=1)["ratios"]
    assert set(ratios) == {"vs_oxedi", "vs_pyx12"}
    assert ratios["vs_pyx12"] > 1
