"""Protections that every table shows beside a trained one, from nothing at all to an optimisation per recording."""

from aclipse.protections.baselines.label import LabelOnly
from aclipse.protections.baselines.noise import SpeechNoise, WhiteNoise
from aclipse.protections.baselines.pgd import PGD
from aclipse.protections.baselines.resynthesis import McAdams, SourceOnly
from aclipse.protections.baselines.shuffle import ChunkShuffle
from aclipse.protections.baselines.simple import Identity, LowPass, Mp3, Silence

__all__ = [
    "PGD",
    "ChunkShuffle",
    "Identity",
    "LabelOnly",
    "LowPass",
    "McAdams",
    "Mp3",
    "Silence",
    "SourceOnly",
    "SpeechNoise",
    "WhiteNoise",
]
