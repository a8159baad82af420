"""Partner systems with fault knobs, for the demo, the benchmarks and the tests."""
