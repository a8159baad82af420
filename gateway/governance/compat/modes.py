"""The seven modes: which directions a change has to keep, and against which old versions."""

from enum import StrEnum

from gateway.governance.compat.pair import Direction

__all__ = ["CompatProfile", "Mode"]


class Mode(StrEnum):
    """Named as registries name them; the transitive ones look at every old version given."""

    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"
    NONE = "NONE"

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The directions that must hold."""
        match self:
            case Mode.BACKWARD | Mode.BACKWARD_TRANSITIVE:
                return (Direction.BACKWARD,)
            case Mode.FORWARD | Mode.FORWARD_TRANSITIVE:
                return (Direction.FORWARD,)
            case Mode.FULL | Mode.FULL_TRANSITIVE:
                return (Direction.BACKWARD, Direction.FORWARD)
            case Mode.NONE:
                return ()

    @property
    def transitive(self) -> bool:
        """Whether every old version counts, not the newest one only."""
        return self.value.endswith("_TRANSITIVE")


class CompatProfile(StrEnum):
    """What is compared."""

    STRICT = "strict"
    """The schemas as they are written."""
    RW = "rw"
    """What a writer may send with what a reader bears (see `governance.profiles`)."""
