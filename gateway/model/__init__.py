"""The nouns of the hub: frozen structs and closed enums, no I/O."""
