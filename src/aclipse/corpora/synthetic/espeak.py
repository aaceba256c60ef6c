"""espeak-ng through its shared library, from the `espeakng-loader` wheel (GPL, optional, nothing to install beside it).

A voice is a text in espeak-ng's voice format. `flutter 0` in it matters: flutter, the slow drift of the pitch, goes on
from one utterance to the next, and with it off an utterance depends on its own text and voice alone.
"""

from __future__ import annotations

import ctypes
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from aclipse.errors import CorpusError, MissingExtra

RETURN_SAMPLES = 2  # AUDIO_OUTPUT_SYNCHRONOUS
CHARACTERS, UTF8 = 1, 1
RATE, PAUSE = 1, 7  # parameter numbers of espeak_SetParameter
_RECEIVER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_ONE_AT_A_TIME = threading.Lock()  # the library keeps its state in globals


class Espeak:
    """The synthesiser, while its context is open; one at a time in a process.

    Raises MissingExtra where the wheel is absent and CorpusError where the library refuses.
    """

    def __enter__(self) -> Self:
        library, self._data = _locate()
        _ONE_AT_A_TIME.acquire()
        self._library = ctypes.CDLL(str(library))
        self._folder = tempfile.TemporaryDirectory()
        self._samples: list[bytes] = []
        self._receiver = _RECEIVER(self._receive)  # kept: ctypes does not
        self.sample_rate = self._library.espeak_Initialize(RETURN_SAMPLES, 0, str(self._data.parent).encode(), 0)
        self._library.espeak_SetSynthCallback(self._receiver)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._library.espeak_Terminate()
        self._folder.cleanup()
        _ONE_AT_A_TIME.release()

    def accent(self, name: str) -> str:
        """Read how an accent of English is spoken, as the beginning of a voice."""
        return (self._data / "lang" / "gmw" / name).read_text(encoding="utf-8")

    def speak(self, text: str, voice: str, rate: int, pause: int = 0) -> npt.NDArray[np.float32]:
        """Speak at ``rate`` words a minute with ``pause`` times 10 ms between words; ``(time,)`` at `sample_rate`."""
        file = Path(self._folder.name, "voice")
        file.write_text(voice, encoding="utf-8")
        self._samples.clear()
        self._check(self._library.espeak_SetVoiceByFile(str(file).encode()), "read the voice")
        for parameter, value in ((RATE, rate), (PAUSE, pause)):
            self._check(self._library.espeak_SetParameter(parameter, value, 0), f"set parameter {parameter} to {value}")
        said = text.encode() + b"\0"
        self._check(self._library.espeak_Synth(said, len(said), 0, CHARACTERS, 0, UTF8, None, None), f"say {text!r}")
        return np.frombuffer(b"".join(self._samples), np.int16).astype(np.float32) / 32768

    def _receive(self, samples: ctypes._Pointer[ctypes.c_short], count: int, events: int | None) -> int:
        if samples:
            self._samples.append(ctypes.string_at(samples, 2 * count))
        return 0  # go on

    def _check(self, status: int, what: str) -> None:
        if status:
            raise CorpusError(f"espeak-ng could not {what} (status {status}). Reinstall espeakng-loader")


def _locate() -> tuple[Path, Path]:
    try:
        import espeakng_loader
    except ImportError:
        raise MissingExtra("espeakng-loader", "synthetic") from None
    return Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path())
