"""Results of load generators: what the clients of a server saw, in one vocabulary."""
