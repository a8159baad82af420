"""The demo plays to its end, its totals tie, and a total that does not tie is seen."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import msgspec
import pytest

from gateway.cli.demo import demo
from gateway.cli.demo_proof import Reckoning, Sent, prove
from gateway.cli.demo_screen import Picture, Tone, dollars, open_screen
from gateway.cli.output import Output
from gateway.errors import Conflict, UsageFault
from gateway.ports import SystemClock
from gateway.simulators.http_partner import Effects

PLAY = """
import asyncio, sys
from pathlib import Path
from gateway.cli.demo_run import run_demo
play = run_demo(Path(sys.argv[1]), once=False, payments=24, seed=3, pace=0, api_port=0)
sys.exit(asyncio.run(play))
"""

TYING = Reckoning(
    files=3,
    payments={"accepted": 2, "held": 1},
    paid=11_00,
    claims_paid=12_00,
    adjustments=1_00,
    accepted=10_00,
    posted=8_00,
    refused=2_50,
    sent=50,
    held=1_00,
    confirmations=2,
    journals=2,
    debits=10_00,
    credits=10_00,
)
SENT = Sent(payments=3, cents=11_00)
BILLING = Effects(effects={"a": 1, "b": 1}, totals={"payment": 10_00, "posted": 8_00})
ERP = Effects(effects={"x": 1, "y": 1}, totals={"debit": 10_00, "credit": 10_00})


def test_the_demo_ties_and_keeps_running_until_it_is_interrupted(
    root: Path, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PLAY, tmp_path],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        lines = list(iter(process.stdout.readline, last_line(tmp_path)))
        told = "".join(lines)
        assert told.count("  ties: ") == 10
        assert "DOES NOT" not in told
        for words in ("breaker is open", "caught up", "Dead letter", "Replay of 1", "Held, "):
            assert words in told
        assert answers(tmp_path) == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        assert process.stderr.read() == ""


def last_line(root: Path) -> str:
    return f"Its configuration is in {root / 'config'}, its log in {root / 'var/hub.log'}.\n"


def answers(root: Path) -> int:
    address = msgspec.json.decode((root / "var" / "hub.address").read_bytes())
    token = (root / "var" / "api.token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{address['url']}/v1/interfaces", headers=headers, timeout=10).status_code


@pytest.mark.slow
def test_the_demo_ends_by_itself_when_it_is_told_to(root: Path) -> None:
    remithub = "import sys; from gateway.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", remithub, "demo", "--once", "--payments", "8"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every total proves itself." in done.stdout


def test_an_interrupted_play_says_so(root: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PLAY, tmp_path],
        cwd=root,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert "remittance files" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(Conflict):
        demo(once=True, root=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_day_too_short_for_the_story_is_refused() -> None:
    with pytest.raises(UsageFault):
        demo(once=True, payments=7)


def test_figures_that_tie_tie() -> None:
    assert all(proof.ties for proof in prove(TYING, sent=SENT, billing=BILLING, erp=ERP))


@pytest.mark.parametrize(
    "field",
    [
        "paid",
        "claims_paid",
        "adjustments",
        "accepted",
        "posted",
        "refused",
        "sent",
        "held",
        "dead",
        "confirmations",
        "journals",
        "debits",
        "credits",
    ],
)
def test_a_cent_too_much_anywhere_does_not_tie(field: str) -> None:
    wrong = msgspec.structs.replace(TYING, **{field: getattr(TYING, field) + 1})
    assert not all(proof.ties for proof in prove(wrong, sent=SENT, billing=BILLING, erp=ERP))


def test_a_file_that_left_no_trace_does_not_tie() -> None:
    more = Sent(payments=SENT.payments, cents=SENT.cents)
    more.add(b"ST*835*0001~BPR*H*0*C*NON~SE*2*0001~ST*835*0002~BPR*I*12.5*C*ACH~SE*2*0002~")
    assert (more.payments, more.cents) == (5, 12_50 + SENT.cents)
    failing = [p for p in prove(TYING, sent=more, billing=BILLING, erp=ERP) if not p.ties]
    assert len(failing) == 2


def test_an_effect_made_twice_does_not_tie() -> None:
    twice = Effects(effects={"x": 2}, totals=ERP.totals)
    assert not all(proof.ties for proof in prove(TYING, sent=SENT, billing=BILLING, erp=twice))


@pytest.mark.parametrize(
    ("cents", "text"),
    [(0, "$0.00"), (5, "$0.05"), (-123456, "-$1,234.56"), (100_000_000, "$1,000,000.00")],
)
def test_dollars_are_written_for_people(cents: int, text: str) -> None:
    assert dollars(cents) == text


def test_off_a_terminal_the_story_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with open_screen(Output(), SystemClock()) as screen:
        screen.tell("It begins.", Tone.ACT)
        screen.show(Picture(offered=1, taken=0, interfaces=()))
    assert capsys.readouterr().out == "00:00 == It begins.\n"
