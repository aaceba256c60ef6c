"""Small published models in a folder: a dense network for the speaker's sex and an LSTM for the speaker's voice.

Their weights are plain arrays in an .npz file; each recording is read alone, at its own level.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
import torch
from torch import Tensor, nn

from aclipse.attackers.listeners.mel import BANDS, cepstra, mel_power
from aclipse.contracts import SAMPLE_RATE
from aclipse.errors import BackboneError

SEX_FILE = "gender_mlp.npz"
SPEAKER_FILE = "speaker_bilstm.npz"
_SEX_RATE = 22_050  # Hz
_SEX_WIDTHS = (BANDS, 256, 256, 128, 128, 64, 1)
_CEPSTRA = 40
_UNITS = 64  # of a layer and direction
_WINDOW, _STEP = 100, 50  # frames


def sex(folder: Path | str) -> SexReader:
    """The dense network of x4nth055/gender-recognition-by-voice, from `gender_mlp.npz` in ``folder``.

    Raises BackboneError where the file is missing, damaged, or holds arrays of other names or shapes.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (wide, narrow) in enumerate(pairwise(_SEX_WIDTHS)):
        shapes |= {f"kernel{layer}": (wide, narrow), f"bias{layer}": (narrow,)}
    return SexReader(_arrays(Path(folder) / SEX_FILE, shapes))


def speaker(folder: Path | str) -> SpeakerReader:
    """The LSTM of wq2012/SpeakerRecognitionFromScratch, from `speaker_bilstm.npz` in ``folder``.

    Raises what `sex` raises.
    """
    lstm = nn.LSTM(_CEPSTRA, _UNITS, num_layers=3, batch_first=True, bidirectional=True)
    shapes = {f"lstm.{name}": tuple(weight.shape) for name, weight in lstm.state_dict().items()}
    arrays = _arrays(Path(folder) / SPEAKER_FILE, shapes)
    lstm.load_state_dict({name.removeprefix("lstm."): array for name, array in arrays.items()})
    return SpeakerReader(lstm.requires_grad_(False))


class SexReader(nn.Module):
    """ "female" or "male" from the mean mel spectrum at 22,050 Hz; it hears loudness too."""

    slow = False

    def __init__(self, arrays: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, array in arrays.items():
            self.register_buffer(name, array)

    @torch.no_grad()
    def read(self, waves: Tensor, lengths: Tensor) -> list[str]:
        """The likelier sex of each recording's speaker."""
        logits = (self.logit(wave[:length]) for wave, length in zip(waves, lengths.tolist(), strict=True))
        return ["male" if logit > 0 else "female" for logit in logits]

    def logit(self, wave: Tensor) -> float:
        """Log odds that a man speaks, ``(time,) -> ()``."""
        resampled = soxr.resample(wave.cpu().numpy(), SAMPLE_RATE, _SEX_RATE)
        hidden = mel_power(torch.from_numpy(resampled).to(self.get_buffer("bias0").device), _SEX_RATE).mean(-1)
        for layer in range(len(_SEX_WIDTHS) - 1):
            hidden = hidden @ self.get_buffer(f"kernel{layer}") + self.get_buffer(f"bias{layer}")
            if 0 < layer < len(_SEX_WIDTHS) - 2:  # as published: the first layer is linear
                hidden = hidden.relu()
        return float(hidden)


class SpeakerReader(nn.Module):
    """An embedding of the voice, to be compared by cosine: mean LSTM output over windows of 40 MFCC."""

    slow = False

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        self.lstm = lstm

    @torch.no_grad()
    def read(self, waves: Tensor, lengths: Tensor) -> list[npt.NDArray[np.float32]]:
        """A unit vector ``(128,)`` for each recording."""
        pairs = zip(waves, lengths.tolist(), strict=True)
        return [self.embed(wave[:length]).cpu().numpy() for wave, length in pairs]

    def embed(self, wave: Tensor) -> Tensor:
        """``(time,) -> (128,)`` of length 1; frames after the last whole window are left out, as published."""
        place = next(self.lstm.parameters()).device
        frames = cepstra(mel_power(wave.to(place), SAMPLE_RATE), _CEPSTRA)
        starts = range(0, max(len(frames) - _WINDOW, 0) + 1, _STEP)
        windows = torch.stack([frames[start : start + _WINDOW] for start in starts])
        outputs, _ = self.lstm(windows)
        return nn.functional.normalize(outputs.mean((0, 1)), dim=0)


def _arrays(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            found: dict[str, Any] = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, TypeError) as error:
        raise BackboneError(
            f"{path} cannot be read ({error}). Give a folder that holds {path.name}, plain arrays without pickles."
        ) from error
    for name, shape in shapes.items():
        what = "no array" if name not in found else f"shape {found[name].shape}"
        if name not in found or found[name].shape != shape:
            raise BackboneError(f"{path} has {what} for {name}, which must be {shape}. Give the published file.")
        if found[name].dtype.kind != "f" or not np.isfinite(found[name]).all():
            raise BackboneError(f"{path}: {name} must hold finite floats. Give the published file.")
    return {name: torch.from_numpy(np.asarray(found[name], np.float32)) for name in shapes}
