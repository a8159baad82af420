"""What a process of the hub does."""

from enum import StrEnum

from gateway.model.states import LaneKind

__all__ = ["Role"]


class Role(StrEnum):
    """What a process does."""

    API = "api"
    """Answers and takes custody; owns no lane."""

    WORKER = "worker"
    """Processes and delivers."""

    SCHEDULER = "scheduler"
    """Polls sources and does what is due by the calendar."""

    ALL = "all"

    def owns(self, kind: LaneKind) -> bool:
        """Whether such a process may own lanes of that kind."""
        mine = Role.SCHEDULER if kind is LaneKind.POLL else Role.WORKER
        return self in (mine, Role.ALL)
