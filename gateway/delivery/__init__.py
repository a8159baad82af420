"""Workers, retry schedule, breakers, dead letters, replay, polling."""

from gateway.delivery.destination import BreakerState, Destination
from gateway.delivery.nodes import Living, Node
from gateway.delivery.order import KeyOrder
from gateway.delivery.orders import Operator
from gateway.delivery.ownership import Ownership
from gateway.delivery.polling import Poller, Pollers, PollState
from gateway.delivery.runner import LaneRunner, Work
from gateway.delivery.schedule import decider
from gateway.delivery.set_aside import Action, Aside, Report, Selection
from gateway.delivery.ticks import SchedulerTicks, Ticks
from gateway.delivery.workers import Workers

__all__ = [
    "Action",
    "Aside",
    "BreakerState",
    "Destination",
    "KeyOrder",
    "LaneRunner",
    "Living",
    "Node",
    "Operator",
    "Ownership",
    "PollState",
    "Poller",
    "Pollers",
    "Report",
    "SchedulerTicks",
    "Selection",
    "Ticks",
    "Work",
    "Workers",
    "decider",
]
