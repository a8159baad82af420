"""`remithub sim` runs seeds, says how to see a failure again, and adds to the sum of all seeds."""

import json
import subprocess
import sys

import pytest

SEED = 16


def sim(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import sys; from gateway.cli import main; sys.exit(main())"]
    return subprocess.run(
        [*command, "sim", *options], capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.slow
def test_a_seed_is_run_told_and_added_to_the_sum(tmp_path):
    report = tmp_path / "report.json"
    report.write_text('{"T-OTHER": {"figure": 1}}')
    for _ in range(2):
        done = sim("--seeds", "1", "--from", str(SEED), "--json", "--report", str(report))
        assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["seeds"], told["failed"]) == (1, [])
    assert told["effects"] > 0
    kept = json.loads(report.read_text())
    assert kept["T-OTHER"] == {"figure": 1}
    assert kept["T-DST"]["seeds_total"] == 2


def test_no_seeds_make_no_sense():
    done = sim("--seeds", "0")
    assert done.returncode == 2
    assert "at least one seed" in done.stderr
