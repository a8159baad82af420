"""One file per schema version, in order; a released one is never edited."""
