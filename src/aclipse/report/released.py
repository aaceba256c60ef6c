"""What a cloak released, computed again from a run's own files: its features, before and after φ."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aclipse.errors import AclipseError
from aclipse.report.folder import RunFolder

if TYPE_CHECKING:
    from aclipse.audio.segments import FeatureSettings
    from aclipse.contracts import Clip, Features
    from aclipse.protections.cloak.method import Cloak
    from aclipse.training.features import FeatureStore

    Pair = tuple[Features, Features]  # original and released, (frames, bands) each


def cloak_of(run: RunFolder) -> Cloak | None:
    """The fitted protection of a run on features; None where its weights are gone."""
    from aclipse.protections.cloak.method import Cloak

    path = run.path / "cloak" / "weights.safetensors"
    return Cloak.load(path) if path.is_file() else None


def released(run: RunFolder, ids: Sequence[str]) -> dict[str, Pair]:
    """Features of some clips as attackers got them, beside the originals, frame by frame with one draw of noise each.

    Nothing where the recordings or what was computed of them lie there no more.
    """
    from aclipse.audio.segments import cut
    from aclipse.seeds import derive

    cloak = cloak_of(run)
    known, store = _store(run, cloak.features) if cloak else ({}, None)
    if cloak is None or store is None:
        return {}
    own, seed, found = cloak.features, int(run.about.get("recipe", {}).get("seed", 0)), {}
    for name in (name for name in ids if name in known):
        original = store.features(known[name])
        noised = cloak.noised(cut(original, own.segment, own.test_hop), derive(seed, name))
        found[name] = (original, _once(noised, own)[: len(original)])
    return found


def centres(features: FeatureSettings) -> Sequence[float]:
    """Centre frequencies of the bands in Hz; loaded when they are first needed, as PyTorch comes with them."""
    from aclipse.audio import segments

    return [float(hz) for hz in segments.centres(features)]


def _store(run: RunFolder, settings: FeatureSettings) -> tuple[dict[str, Clip], FeatureStore | None]:
    """The clips whose features the run keeps, and where they are."""
    from aclipse.corpora import manifest, splits
    from aclipse.training.features import FeatureStore

    try:
        index = json.loads(next((run.path / "features").glob("*.json")).read_text("utf-8"))
        clips = {clip.id: clip for clip in manifest.read(run.path / "manifest.csv").clips}
        known = {name: clips[name] for name in index["ids"]}
        store = FeatureStore(list(known.values()), settings, run.path / "features")
        if settings.normalisation == "corpus":
            store.fit(splits.read(run.path / "split.csv").of(list(known.values()), "train"))
    except (StopIteration, KeyError, ValueError, OSError, AclipseError):
        return {}, None
    return known, store


def _once(pieces: Features, settings: FeatureSettings) -> Features:
    """Every frame once, of segments that overlap: of its first segment, so that no two draws are averaged."""
    import numpy as np

    whole = pieces.reshape(-1, settings.segment, pieces.shape[1])
    hops = [piece[: settings.test_hop] for piece in whole]
    return np.concatenate([*hops, whole[-1, settings.test_hop :]])
