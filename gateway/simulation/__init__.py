"""A seeded world around the real hub: virtual time, injected faults, invariants that must hold."""
