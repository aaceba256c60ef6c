"""Replacement autoencoder with gradient reversal (Feng, Narayanan: ACII 2021): feature vectors, emotions replaced."""
