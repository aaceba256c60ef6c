"""One run = one folder: its facts are there whole, or the error says what to do."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aclipse.errors import RunError
from aclipse.records import Run, environment, file_hash, now


def test_facts_are_what_was_noted(tmp_path: Path) -> None:
    run = Run(tmp_path / "deep" / "run")
    run.note(seed=3, corpus={"name": "größe 声"})
    run.note(split=[0.5, None])
    run.note(seed=4)
    assert run.facts == {"seed": 4, "corpus": {"name": "größe 声"}, "split": [0.5, None]}


def test_run_json_is_for_people_too(tmp_path: Path) -> None:
    Run(tmp_path).note(name="größe", nested={"a": 1})
    assert (tmp_path / "run.json").read_text("utf-8") == '{\n  "name": "größe",\n  "nested": {\n    "a": 1\n  }\n}\n'


def test_the_same_facts_again_are_the_same_bytes(tmp_path: Path) -> None:
    Run(tmp_path).note(a=1, b=2)
    before = (tmp_path / "run.json").read_bytes()
    Run(tmp_path).note(b=2)
    assert (tmp_path / "run.json").read_bytes() == before


def test_a_note_that_cannot_be_written_leaves_the_facts_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between writing and renaming: whoever reads meets the old facts, never half of the new."""
    run = Run(tmp_path)
    run.note(a=1)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        run.note(a=2)
    assert run.facts == {"a": 1}


def test_what_is_no_json_is_not_noted(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.note(a=1)
    with pytest.raises(TypeError, match="not JSON serializable"):
        run.note(b=object())
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert run.facts == {"a": 1}


def test_a_folder_without_facts_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"{re.escape(str(tmp_path))} is not a run: .*Make one with: aclipse train"):
        _ = Run(tmp_path).facts


@pytest.mark.parametrize("content", [b"", b'{"seed": 3', b"seed = 3", b"\xff\xfe{}", b"[1, 2]", b"null"])
def test_damaged_facts_are_named_with_the_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(RunError, match=r"run\.json is damaged .*Delete the folder and train again"):
        _ = Run(tmp_path).facts


def test_damaged_facts_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"seed": 3')
    with pytest.raises(RunError, match="damaged"):
        Run(tmp_path).note(seed=4)
    assert (tmp_path / "run.json").read_text() == '{"seed": 3'


def test_each_part_has_its_weights(tmp_path: Path) -> None:
    assert Run(tmp_path).weights("cascade") == tmp_path / "cascade" / "weights.safetensors"


def test_weights_as_transformers_names_them_come_first(tmp_path: Path) -> None:
    (tmp_path / "emotion").mkdir()
    (tmp_path / "emotion" / "model.safetensors").touch()
    assert Run(tmp_path).weights("emotion") == tmp_path / "emotion" / "model.safetensors"
    assert Run(tmp_path).weights("words") == tmp_path / "words" / "weights.safetensors"
    (tmp_path / "emotion" / "weights.safetensors").touch()
    assert Run(tmp_path).weights("emotion") == tmp_path / "emotion" / "model.safetensors"


def test_a_file_hash_starts_its_sha_256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_hash(tmp_path / "a") == "ba7816bf8f01"  # FIPS 180-2, appendix B.1


def test_the_environment_says_what_made_the_numbers() -> None:
    made = environment(threads=2)
    assert set(made) == {"python", "torch", "platform", "threads"}
    assert made["threads"] == 2
    assert made["torch"].startswith("2.") and made["python"].startswith("3.")


def test_now_is_utc_to_the_second() -> None:
    time = datetime.fromisoformat(now())
    assert time.utcoffset() == timedelta(0)
    assert time.microsecond == 0
