"""How to reach other systems. Nothing here imports the hub."""
