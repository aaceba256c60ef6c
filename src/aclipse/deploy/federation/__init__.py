"""A federation that runs: the same Flower client and server in a simulation, and as processes of their own."""
