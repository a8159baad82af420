"""A clock moved by hand, and what destinations are told."""

from datetime import UTC, datetime, timedelta

from gateway.model.states import AttemptOutcome
from gateway.pipeline import Settled

DONE = Settled(outcome=AttemptOutcome.DONE)
FAULT = Settled(outcome=AttemptOutcome.FAILED, failure="destination")
LOST = Settled(outcome=AttemptOutcome.UNKNOWN, failure="unknown")
REFUSED = Settled(outcome=AttemptOutcome.FAILED, failure="message")
THROTTLED = Settled(outcome=AttemptOutcome.FAILED, failure="throttled")
LOCKED = Settled(outcome=AttemptOutcome.FAILED, failure="credential", pause=True)
UNDECIDED = Settled(outcome=AttemptOutcome.CONFIRMING, failure="undecided", news=False)


class HandClock:
    """Both clocks stand still until a test moves them, together or apart."""

    def __init__(self, wall=datetime(2026, 3, 1, 12, tzinfo=UTC)):
        self.seconds = 100.0
        self.wall = wall

    def now(self):
        return self.wall

    def monotonic(self):
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)

    def jump(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)

    async def sleep(self, seconds):
        self.pass_by(seconds)
