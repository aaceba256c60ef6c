"""Cloak with adversarial training (Feng, Hashemi, Annavaram, Narayanan: ICASSP 2022): noise on log-mel features."""
