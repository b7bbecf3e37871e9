"""Where a result comes from: code, params, machine, and the commands that repeat it."""
