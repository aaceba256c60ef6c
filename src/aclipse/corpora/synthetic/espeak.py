"""espeak-ng through its shared library, from the `espeakng-loader` wheel (GPL, optional, nothing to install beside it).

A voice is a text in espeak-ng's voice format. An utterance depends on its own text and voice alone if nothing goes on
from one to the next: `flutter 0` in the voice stops the slow drift of the pitch and `roughness 0` the alternation of
loud and soft pitch periods, and a low volume keeps the gain control, which waits for samples beyond full scale, from
ever acting. (The Scottish accent still carries something over: it is not used.)
"""

from __future__ import annotations

import ctypes
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aclipse.errors import CorpusError, MissingExtra

RETURN_SAMPLES, DO_NOT_EXIT = 2, 0x8000  # AUDIO_OUTPUT_SYNCHRONOUS, espeakINITIALIZE_DONT_EXIT
CHARACTERS, UTF8 = 1, 1
RATE, VOLUME, PAUSE = 1, 2, 7  # parameter numbers of espeak_SetParameter
QUIET = 40  # percent
_RECEIVER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_ONE_AT_A_TIME = threading.Lock()  # the library keeps its state in globals


@contextmanager
def open_espeak() -> Iterator[Espeak]:
    """Open the synthesiser; one at a time in a process, another thread waits.

    Raises MissingExtra where the wheel is absent and CorpusError where the library does not start.
    """
    library, data = _locate()
    with _ONE_AT_A_TIME, tempfile.TemporaryDirectory() as folder:
        espeak = Espeak(ctypes.CDLL(str(library)), data, Path(folder, "voice"))
        try:
            yield espeak
        finally:
            espeak.close()


class Espeak:
    """The running synthesiser: ``sample_rate`` in Hz. Raises CorpusError where the library refuses."""

    def __init__(self, library: ctypes.CDLL, data: Path, voice_file: Path) -> None:
        self._library, self._data, self._voice_file = library, data, voice_file
        self._samples: list[bytes] = []
        self._receiver = _RECEIVER(self._receive)  # kept: ctypes does not
        self.sample_rate = library.espeak_Initialize(RETURN_SAMPLES, 0, str(data).encode(), DO_NOT_EXIT)
        found = (data / "phontab").is_file()  # started once, the library reports success even without it
        self._check(self.sample_rate <= 0 or not found, f"start with the data in {data}")
        library.espeak_SetSynthCallback(self._receiver)

    def close(self) -> None:
        """Free what the library holds."""
        self._library.espeak_Terminate()

    def accent(self, name: str) -> str:
        """Read how an accent of English is spoken, as the beginning of a voice."""
        return (self._data / "lang" / "gmw" / name).read_text(encoding="utf-8")

    def speak(self, text: str, voice: str, rate: int, pause: int = 0) -> npt.NDArray[np.float32]:
        """Speak at ``rate`` words a minute with ``pause`` times 10 ms between words; ``(time,)`` at `sample_rate`."""
        self._voice_file.write_text(voice, encoding="utf-8")
        self._samples.clear()
        self._check(self._library.espeak_SetVoiceByFile(str(self._voice_file).encode()), "read the voice")
        for parameter, value in ((RATE, rate), (VOLUME, QUIET), (PAUSE, pause)):
            self._check(self._library.espeak_SetParameter(parameter, value, 0), f"set parameter {parameter} to {value}")
        said = text.encode() + b"\0"
        self._check(self._library.espeak_Synth(said, len(said), 0, CHARACTERS, 0, UTF8, None, None), f"say {text!r}")
        return np.frombuffer(b"".join(self._samples), np.int16) * np.float32(2**-15)

    def _receive(self, samples: ctypes._Pointer[ctypes.c_short], count: int, events: int | None) -> int:
        if samples:
            self._samples.append(ctypes.string_at(samples, 2 * count))
        return 0  # go on

    def _check(self, status: int, what: str) -> None:
        if status:
            raise CorpusError(f"espeak-ng could not {what} (status {int(status)}). Reinstall espeakng-loader")


def _locate() -> tuple[Path, Path]:
    try:
        import espeakng_loader
    except ImportError:
        raise MissingExtra("espeakng-loader", "synthetic") from None
    return Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path())
