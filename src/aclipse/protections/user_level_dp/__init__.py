"""User-level differential privacy in federated learning: speech stays where it is, and what leaves is an update."""
