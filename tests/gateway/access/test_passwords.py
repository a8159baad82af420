"""The password and the codes of the local account: made at random, kept so that neither is read."""

import pytest

from gateway.access.codes import code_at, code_url, is_seed, step_at
from gateway.access.passwords import keep_password, new_password, read_kept
from gateway.ports import SystemIds

IDS = SystemIds()
SEED = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    """The last six figures of the vectors of RFC 6238, appendix B."""
    assert code_at(step_at(seconds), SEED) == code


def test_a_password_is_long_random_and_taken_as_it_is() -> None:
    made, other = new_password(IDS), new_password(IDS)
    assert len(made.password.replace("-", "")) * 5 >= 128
    assert made.password != other.password
    assert made.seed != other.seed
    kept = read_kept(made.kept + "\n")
    assert kept is not None
    assert kept.is_of(made.password)
    for wrong in (made.password.upper(), made.password + " ", made.password[:-1], "", "x" * 2000):
        assert not kept.is_of(wrong)


def test_what_is_kept_does_not_tell_the_password() -> None:
    made = new_password(IDS)
    assert made.password not in made.kept
    assert made.kept.startswith("scrypt$32768$8$1$")
    assert made.seed in code_url(made.seed)


def test_what_cannot_be_read_is_nobodys_password() -> None:
    good = keep_password("hunt-the-wumpus-again", SEED, IDS)
    assert read_kept(good) is not None
    without_seed, _, _ = good.rpartition("$")
    for line in ("", "x", without_seed, without_seed + "$", without_seed + "$AAAA", good + "$x"):
        assert read_kept(line) is None
    assert read_kept(good.replace("scrypt", "plain")) is None
    assert read_kept(good.replace("32768", str(1 << 30))) is None
    assert not is_seed("not base 32")
