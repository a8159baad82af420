"""Wall and CPU seconds of a benchmark, with the child processes that have ended."""

import resource
import time

__all__ = ["Measured", "cpu_seconds"]


class Measured:
    """Wall and CPU seconds; `cpu` includes child processes that have ended."""

    wall = cpu = own_cpu = 0.0

    def start(self) -> None:
        """Start the clocks."""
        self.wall = -time.perf_counter()
        self.own_cpu = -time.process_time()
        self.cpu = -cpu_seconds()

    def stop(self) -> None:
        """Stop the wall and this process's CPU."""
        self.wall += time.perf_counter()
        self.own_cpu += time.process_time()

    def stop_children(self, idle_seconds: float = 0.0) -> None:
        """Stop the CPU of all; `idle_seconds` is what an idle run costs."""
        self.cpu += cpu_seconds() - idle_seconds


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    spent = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        spent += usage.ru_utime + usage.ru_stime
    return spent
