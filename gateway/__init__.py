"""The running hub: what comes in becomes a message, and a message is owed to whoever the config says."""
