"""Runs whose phones send updates of training: the federated model, and an audit of what its updates tell."""
