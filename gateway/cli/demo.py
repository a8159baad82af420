"""`remithub demo`: the whole job once, with partners that fail and recover, and the reckoning."""

from pathlib import Path

from gateway.errors import Conflict, UsageFault

__all__ = ["demo"]


def demo(
    *, once: bool = False, payments: int = 240, seed: int = 7, root: Path | None = None
) -> int:
    """Start three partners and the hub, play a day of remittances, and prove the totals.

    Files come over SFTP; billing fails and recovers; the ERP's replies get lost; one file is
    poisoned, becomes a dead letter, and goes through after the repair. Then the hub keeps running
    with its API until Ctrl-C. Exit code 1 where the totals do not tie.

    Parameters
    ----------
    once
        End after the reckoning.
    payments
        Payments in the day's files; at least 8.
    seed
        Of the invented files: the same seed, the same day.
    root
        A new or empty folder for the hub's data; else a temporary one, removed at the end.
    """
    import tempfile

    if payments < 8 or seed < 0:
        raise UsageFault("The demo needs at least 8 payments, and a seed of zero or more.")
    if root is not None:
        if root.exists() and any(root.iterdir()):
            raise Conflict(
                f"The folder {root} is not empty.", next_step="name a new one with --root."
            )
        root.mkdir(parents=True, exist_ok=True)
        return _play(root, once=once, payments=payments, seed=seed)
    with tempfile.TemporaryDirectory(prefix="remithub-demo-") as folder:
        return _play(Path(folder), once=once, payments=payments, seed=seed)


def _play(root: Path, *, once: bool, payments: int, seed: int) -> int:
    import asyncio

    from gateway.cli.demo_run import run_demo

    return asyncio.run(run_demo(root, once=once, payments=payments, seed=seed))
