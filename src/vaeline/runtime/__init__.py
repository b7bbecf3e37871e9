"""How a stage runs: processes, devices, seeds, and where a result comes from."""
