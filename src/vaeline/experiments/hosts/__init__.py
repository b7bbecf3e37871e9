"""`vaeline hosts`: a command on the first of several hosts, whose shared stages the others join."""
