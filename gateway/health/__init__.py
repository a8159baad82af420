"""Interface state and metrics. Knows the store; what lives in memory is handed in as plain data."""

from gateway.health.facts import DestinationFacts, Direction, InterfaceFacts, LaneFacts, PollFacts
from gateway.health.interfaces import InterfaceHealth, InterfaceState, SetAside, look
from gateway.health.metrics import METRICS, Metric, Snapshot, render, snapshot

__all__ = [
    "METRICS",
    "DestinationFacts",
    "Direction",
    "InterfaceFacts",
    "InterfaceHealth",
    "InterfaceState",
    "LaneFacts",
    "Metric",
    "PollFacts",
    "SetAside",
    "Snapshot",
    "look",
    "render",
    "snapshot",
]
