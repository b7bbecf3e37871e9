"""How a stage runs: processes, devices and seeds."""
