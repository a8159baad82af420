"""Interface state and metrics. Knows the store; what lives in memory is handed in as plain data."""

from gateway.health.audit import Chain, audit_page, verify_chains
from gateway.health.facts import DestinationFacts, Direction, InterfaceFacts, LaneFacts, PollFacts
from gateway.health.interfaces import InterfaceHealth, InterfaceState, SetAside, look
from gateway.health.metrics import METRICS, Metric, Snapshot, render, snapshot
from gateway.health.sums import Sums

__all__ = [
    "METRICS",
    "Chain",
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
    "Sums",
    "audit_page",
    "look",
    "render",
    "snapshot",
    "verify_chains",
]
