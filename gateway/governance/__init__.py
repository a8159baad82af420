"""Keeps documents to their contracts: validators, profiles, masks, lint, lock. Pure."""
