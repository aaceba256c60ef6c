"""Who speaks: thirty made-up people, each with an accent, a pitch, a vocal tract and habits of their own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Voice:
    """One speaker.

    ``pitch`` is the mean in Hz, ``rate`` in words a minute, ``formants`` the first four and ``tract`` the whole
    spectrum in percent of espeak-ng's man, ``tilt`` in dB an octave, ``tunes`` one of espeak-ng's intonations.
    """

    speaker: str
    accent: str
    pitch: float
    rate: float
    formants: tuple[int, int, int, int]
    tract: int = 100
    tilt: float = 0.0
    tunes: int = 1

    @property
    def sex(self) -> str:
        """ "female" or "male", as the speaker's name begins."""
        return {"f": "female", "m": "male"}[self.speaker[0]]


US, GB, RP, NEW_YORK, LANCASTER = "en-US", "en", "en-GB-x-rp", "en-US-nyc", "en-GB-x-gbclan"

VOICES = (
    Voice("f01", US, 225, 180, (119, 111, 111, 117), 103, 0.3, 2),
    Voice("m01", US, 102, 181, (105, 98, 98, 104), 98, 0.2, 2),
    Voice("f02", US, 216, 189, (119, 114, 111, 114), 106, -0.3, 2),
    Voice("m02", US, 106, 189, (100, 101, 97, 96), 100, -0.3, 3),
    Voice("f03", GB, 240, 188, (118, 113, 115, 110), 105, 0.3, 1),
    Voice("m03", NEW_YORK, 98, 178, (96, 100, 93, 102), 97, 0.3, 1),
    Voice("f04", US, 182, 177, (111, 115, 104, 107), 106, 0.1, 3),
    Voice("m04", US, 126, 181, (93, 97, 100, 98), 98, -0.3, 2),
    Voice("f05", RP, 235, 184, (111, 118, 111, 110), 107, 0.4, 3),
    Voice("m05", LANCASTER, 142, 188, (103, 100, 97, 97), 103, 0.1, 3),
    Voice("f06", US, 172, 178, (113, 111, 112, 113), 101, -0.3, 3),
    Voice("m06", US, 138, 185, (102, 100, 98, 101), 102, 0.2, 2),
    Voice("f07", NEW_YORK, 221, 181, (116, 112, 113, 112), 107, 0.0, 1),
    Voice("m07", US, 90, 193, (98, 97, 101, 94), 102, 0.2, 1),
    Voice("f08", LANCASTER, 177, 181, (111, 109, 111, 113), 104, 0.1, 2),
    Voice("m08", US, 114, 182, (105, 102, 104, 96), 98, -0.3, 1),
    Voice("f09", US, 191, 181, (118, 111, 109, 113), 102, 0.3, 2),
    Voice("m09", US, 134, 185, (98, 97, 95, 95), 102, -0.3, 1),
    Voice("f10", GB, 206, 185, (116, 112, 112, 105), 104, -0.3, 3),
    Voice("m10", RP, 86, 174, (96, 98, 102, 99), 102, -0.1, 2),
    Voice("f11", LANCASTER, 201, 179, (122, 105, 114, 109), 106, -0.2, 3),
    Voice("m11", RP, 130, 177, (100, 105, 98, 100), 99, 0.3, 2),
    Voice("f12", US, 230, 189, (119, 119, 111, 110), 105, 0.1, 2),
    Voice("m12", NEW_YORK, 118, 187, (99, 105, 97, 104), 98, 0.2, 2),
    Voice("f13", RP, 196, 185, (110, 113, 115, 112), 107, 0.1, 2),
    Voice("m13", LANCASTER, 122, 191, (98, 93, 102, 94), 100, 0.4, 2),
    Voice("f14", NEW_YORK, 187, 179, (115, 109, 112, 109), 104, 0.2, 1),
    Voice("m14", GB, 94, 190, (96, 98, 93, 99), 102, -0.1, 1),
    Voice("f15", GB, 211, 185, (108, 113, 111, 107), 103, 0.1, 2),
    Voice("m15", US, 110, 188, (98, 99, 95, 102), 98, 0.0, 3),
)
