"""`remithub generate`: invented files from a seed, for trying things out and for load."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Literal

from gateway.cli.exits import Exit

__all__ = ["generate"]

Kind = Literal["835"]


def generate(
    kind: Kind,
    *,
    payments: int = 100,
    seed: int = 7,
    claims_per_payment: int | None = None,
    fault: str = "",
    out: Path = Path("-"),
) -> int:
    """Write an invented X12 835 file; the same seed gives the same bytes.

    It holds `payments` transaction sets from several payers, with denials, reversals and
    provider adjustments, and balances. `claims_per_payment` is drawn (1 to 24) where it is not
    given. `fault` plants one: out_of_balance, truncated, control_mismatch, bad_amount,
    missing_trace. `out` is a file, or - for standard output.
    """
    from gateway.errors import UsageFault
    from gateway.simulators.remittances import Fault, generate_835

    if payments < 0 or seed < 0 or (claims_per_payment is not None and claims_per_payment < 0):
        raise UsageFault("Numbers of payments, claims and the seed are zero or more.")
    if fault and fault not in set(Fault):
        raise UsageFault(
            f"There is no fault of that name for a file of kind {kind}.",
            next_step=f"take one of {', '.join(Fault)}.",
        )
    pieces = generate_835(
        payments=payments,
        seed=seed,
        claims_per_payment=claims_per_payment,
        fault=Fault(fault) if fault else None,
    )
    if str(out) == "-":
        _write(sys.stdout.buffer, pieces)
        return Exit.OK
    try:
        with out.open("wb") as stream:
            _write(stream, pieces)
    except OSError as error:
        from gateway.cli.output import Output

        Output().say(f"{out}: {error.strerror or 'cannot be written'}. Next: check the path.")
        return Exit.NOT_FOUND
    return Exit.OK


def _write(stream: BinaryIO, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        stream.write(piece)
    stream.flush()
