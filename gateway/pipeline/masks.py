"""Masks what a subscriber may not see in full: the plan of a contract, under the tenant's key."""

import msgspec

from gateway.governance import MaskPlan, compile_mask
from gateway.pipeline.bundle import Contract, Sink
from gateway.pipeline.surroundings import Sealer

__all__ = ["Masks"]


class Masks:
    """The plans in use, each compiled once."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer
        self._plans: dict[tuple[str, str], tuple[Contract, MaskPlan]] = {}

    def over(self, sink: Sink, tenant: str) -> Sink:
        """Return the sink with the plan that masks documents of the contract that it accepts."""
        contract = sink.accepts
        key = (tenant, f"{contract.name}/{contract.version}")
        known = self._plans.get(key)
        if known is None or known[0] is not contract:
            mask_key = self._sealer.blind_index("mask", tenant).encode()
            known = self._plans[key] = (contract, compile_mask(contract.schema, mask_key))
        return msgspec.structs.replace(sink, mask=known[1])
