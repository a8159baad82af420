"""Measurements of parts of the hub, each beside something comparable; run by `remithub bench`."""
