"""A flood of denials: its beginning is written, the rest counted, and nobody else's is lost."""

from gateway.access import DENIED, Denials
from gateway.store import AuditEntry
from tests.gateway.access.conftest import StillClock

ENTRY = AuditEntry("nobody", DENIED, "", outcome="denied")


def test_of_one_actor_twenty_a_minute_are_written_and_the_rest_is_counted() -> None:
    clock = StillClock()
    denials = Denials(clock.monotonic)
    written = [denials.entries(ENTRY, "10.0.0.1") for _ in range(100)]
    assert sum(len(entries) for entries in written) == 20
    assert denials.entries(ENTRY, "10.0.0.2") == (ENTRY,)
    clock.pass_(minutes=1)
    counted, own = denials.entries(ENTRY, "10.0.0.3")
    assert (counted.outcome, counted.detail) == ("summary", {"unwritten": "80"})
    assert own == ENTRY


def test_whoever_changes_address_each_time_makes_no_more() -> None:
    denials = Denials(StillClock().monotonic)
    written = [denials.entries(ENTRY, f"10.0.{at // 250}.{at % 250}") for at in range(5000)]
    assert sum(len(entries) for entries in written) == 500
    (counted,) = denials.rest()
    assert counted.detail == {"unwritten": "4500"}
    assert denials.rest() == ()
