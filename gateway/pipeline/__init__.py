"""The main flow: `flow.py` first, then one module per step."""

from gateway.pipeline.bundle import Bundle, Sink, Source, poll_lane, process_lane
from gateway.pipeline.compiling import compile_bundle
from gateway.pipeline.custody import Arrival
from gateway.pipeline.deliver import NOT_GRANTED
from gateway.pipeline.facts import (
    RELEASED,
    REPLAYED,
    Accepted,
    Artifact,
    LaneItem,
    Receipt,
)
from gateway.pipeline.flow import Flow
from gateway.pipeline.lanes import Lane, LaneLost, LanePlan, Lanes
from gateway.pipeline.plan import Plan, Settled
from gateway.pipeline.receive import forget_unfinished
from gateway.pipeline.records import milliseconds

__all__ = [
    "NOT_GRANTED",
    "RELEASED",
    "REPLAYED",
    "Accepted",
    "Arrival",
    "Artifact",
    "Bundle",
    "Flow",
    "Lane",
    "LaneItem",
    "LaneLost",
    "LanePlan",
    "Lanes",
    "Plan",
    "Receipt",
    "Settled",
    "Sink",
    "Source",
    "compile_bundle",
    "forget_unfinished",
    "milliseconds",
    "poll_lane",
    "process_lane",
]
