"""What each corpus says of a recording, and what it says of a broken layout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clara import corpora
from clara.errors import LayoutError
from clara.records import Entry

Miniature = Callable[[str], Path]


Read = Callable[[str], dict[str, Entry]]


def test_esc50(read: Read):
    entries = read("esc50")
    entry = entries["1-17367-A-10"]
    assert (entry.split, entry.source) == ("fold1", "freesound:17367")
    assert entry.labels == {"sound": ("rain",)}
    assert entry.extra == {"take": "A", "esc10": True}
    assert corpora.get("esc50").labels["sound"][11] == "sea waves"
    assert len(corpora.get("esc50").labels["sound"]) == 50


def test_a_recording_in_another_format_is_found(read: Read):
    assert read("esc50")["5-177957-A-40"].path.name == "5-177957-A-40.ogg"


def test_a_missing_recording_is_left_to_the_reader_of_audio(miniature: Miniature):
    root = miniature("esc50")
    (root / "audio" / "1-100032-A-0.wav").unlink()
    first = next(iter(corpora.get("esc50").read(root)))
    assert first.path == root / "audio" / "1-100032-A-0.wav"


def test_urbansound8k(read: Read):
    entry = read("urbansound8k")["103074-7-0-1"]
    assert (entry.split, entry.source) == ("fold10", "freesound:103074")
    assert entry.labels == {"sound": ("jackhammer",)}
    assert entry.extra["salience"] == "background"
    assert (entry.start, entry.end) == (0.0, None)  # the slice is already cut


def test_ravdess(read: Read):
    entries = read("ravdess")
    entry = entries["03-01-06-01-02-02-02"]
    assert entry.labels == {
        "emotion": ("fearful",),
        "gender": ("woman",),
        "intensity": ("normal",),
        "manner": ("speaking",),
    }
    assert entry.transcript == "Dogs are sitting by the door"
    assert (entry.split, entry.speaker, entry.language) == ("train", "02", "en")
    assert entries["03-01-05-02-01-01-01"].labels["gender"] == ("man",)


def test_ravdess_in_the_folders_of_both_archives(miniature: Miniature):
    root = miniature("ravdess")
    for archive in ("Audio_Song_Actors_01-24", "Audio_Speech_Actors_01-24"):
        (root / archive).mkdir()
    (root / "Audio_Song_Actors_01-24" / "Actor_01").mkdir()
    for folder in list(root.glob("Actor_*")):
        folder.rename(root / "Audio_Speech_Actors_01-24" / folder.name)
    assert len(list(corpora.get("ravdess").read(root))) == 8


def test_emodb(read: Read):
    entry = read("emodb")["08a02Nb"]
    assert entry.labels == {"emotion": ("neutral",), "gender": ("woman",), "age": ("34",)}
    assert entry.transcript == "Das will sie am Mittwoch abgeben."


def test_nemo_strips_what_the_official_table_pads(read: Read):
    entry = read("nemo")["KS0_surprised_38"]
    assert entry.speaker == "KS0"
    assert entry.transcript == "„Ród smoka” to serial telewizyjny."
    assert entry.labels == {"emotion": ("surprised",), "gender": ("man",), "age": ("23",)}


def test_whole_speech_commands(read: Read):
    splits = {key: entry.split for key, entry in read("speech_commands").items()}
    assert splits == {
        "bed_004ae714_nohash_0": "train",
        "bed_0a7c2a8d_nohash_1": "valid",
        "bed_0bd689d7_nohash_1": "test",
        "yes_0ab3b47d_nohash_0": "test",
        "yes_0c540988_nohash_0": "train",
    }


def test_speech_commands_test_set(tmp_path: Path):
    for name in ("yes/0a_x.txt", "_unknown_/bed_0bd689d7_nohash_1.wav", "_silence_/58.wav"):
        path = tmp_path / name
        path.parent.mkdir()
        path.touch()
    bed, silence = corpora.get("speech_commands").read(tmp_path)
    assert (bed.key, bed.split, bed.speaker) == ("bed_0bd689d7_nohash_1", "test", "0bd689d7")
    assert bed.labels == {"keyword": ("bed",)}
    assert bed.extra == {"unknown": True}
    assert (silence.labels, silence.language) == ({"sound": ("silence",)}, "")


def test_half_a_speech_commands(tmp_path: Path):
    (tmp_path / "yes").mkdir()
    with pytest.raises(LayoutError, match=r"validation_list\.txt .* neither"):
        list(corpora.get("speech_commands").read(tmp_path))


def test_arabic_speech_commands(read: Read):
    entry = read("arabic_speech_commands")["zoom_in_00000001_NO_01"]
    assert entry.labels == {"keyword": ("تكبير",)}
    assert (entry.transcript, entry.language, entry.speaker) == ("تكبير", "ar", "00000001")
    assert entry.extra == {"gloss": "zoom in"}


def test_fsdd(read: Read):
    entries = read("fsdd")
    assert entries["9_theo_4"].split == "test"
    assert entries["9_theo_5"].split == "train"
    assert entries["7_jackson_32"].labels["keyword"] == ("seven",)


def test_ljspeech_takes_quotes_and_null_as_words(read: Read):
    entries = read("ljspeech")
    assert entries["LJ001-0001"].transcript == 'Printing, in the "only sense'
    assert entries["LJ001-0010"].transcript == "null"
    assert [entry.split for entry in entries.values()] == ["train", "valid", "test"]


@pytest.mark.parametrize("name", ["ravdess", "emodb", "nemo", "cmu_arctic"])
def test_each_part_to_learn_and_to_test_has_men_and_women(name: str):
    module = __import__(f"clara.corpora.{name}", fromlist=["corpus"])
    people = dict(_people(name, module))
    for part in ("train", "test"):
        genders = [gender for split, gender in people.values() if split == part]
        assert min(genders.count("man"), genders.count("woman")) >= 2
    assert any(split == "valid" for split, _ in people.values())


def _people(name: str, module) -> Iterator[tuple[str, tuple[str, str]]]:
    """Of each speaker the split and the gender."""
    if name == "nemo":
        women = ("EB0", "KD0", "MK0", "IC0")
        for speaker, split in module._SPLITS.items():
            yield speaker, (split, "woman" if speaker in women else "man")
        return
    if name == "ravdess":
        actors = [f"{actor:02}" for actor in range(1, 25)]
        genders = {actor: "man" if int(actor) % 2 else "woman" for actor in actors}
    else:
        table = module._SPEAKERS if name == "emodb" else module._VOICES
        genders = {speaker: gender for speaker, (gender, _) in table.items()}
    for speaker, gender in genders.items():
        split = (
            "valid" if speaker in module._VALID else "test" if speaker in module._TEST else "train"
        )
        yield speaker, (split, gender)


BROKEN = [
    ("esc50", "meta/esc50.csv", "dog,True", "unicorn,True", r"category .* line 2 .* 'unicorn'"),
    ("esc50", "meta/esc50.csv", ",1,0,dog", ",6,0,dog", r"fold .* line 2 .* '6'"),
    ("esc50", "meta/esc50.csv", "category", "class", r"columns category in .*, but its first line"),
    ("esc50", "meta/esc50.csv", "True,100032,A", "True", r"7 columns in line 2 .* found 5"),
    ("urbansound8k", "metadata/UrbanSound8K.csv", "4.0,1,2", "4.0,9,2", r"salience .* '9'"),
    ("nemo", "data.tsv", "anger\tL", "rage\tL", r"emotion .* line 2 .* 'rage'"),
    ("nemo", "data.tsv", "EB0\t", "ZZ9\t", r"speaker_id .* line 2 .* 'ZZ9'"),
    ("arabic_speech_commands", "val.csv", ",up", ",upp", r"class .* line 2 .*val\.csv.* 'upp'"),
    ("ljspeech", "metadata.csv", "|null|null", "|null", r"line 3 .*metadata\.csv.* 'LJ001-0010\|"),
    (
        "common_voice",
        "cv-corpus-11.0-2022-09-21/en/test.tsv",
        "\tgender",
        "\tsex",
        r"columns gender in .*test\.tsv, but its first line has: client_id",
    ),
    ("mswc", "en/en_test.csv", "FEMALE", "F", r"GENDER .* line 2 of .*en_test\.csv, .* 'F'"),
    ("mswc", "en/en_test.csv", "True", "yes", r"VALID .* line 2 of .*en_test\.csv, .* 'yes'"),
    ("mswc", "rm-sursilv/rm-sursilv_splits.csv", "DEV", "VAL", r"SET .* line 3 .* 'val'"),
    ("librispeech", "LibriSpeech/SPEAKERS.TXT", "| F |", "| W |", r"SEX .* line 5 .* 'W'"),
    ("librispeech", "LibriSpeech/SPEAKERS.TXT", "| F |", "F", r"five columns .* line 5 "),
    ("librispeech", "LibriSpeech/SPEAKERS.TXT", "60   |", "61   |", r"speaker .* '60'"),
    (
        "librispeech",
        "LibriSpeech/dev-clean/84/121123/84-121123.trans.txt",
        "84-121123-0000",
        "0000",
        r"'84-121123-0000 TRANSCRIPT' in line 1 .* '0000 GO",
    ),
    ("crema_d", "VideoDemographics.csv", "1003,", "1903,", r"actor .* 1003_IEO.* '1003'"),
    ("crema_d", "VideoDemographics.csv", '51,"Male', '51,"M', r"Sex .* actor 1001.* 'M'"),
    ("crema_d", "processedResults/summaryTable.csv", '"D:N"', '"D:X"', r"VoiceVote .* 'X'"),
    ("emns", "metadata.csv", "|Sarcastic|", "|Ironic|", r"emotion .* line 3 .* 'Ironic'"),
    ("emns", "metadata.csv", "|20s|7", "|20s", r"11 columns in line 2 .* found 10"),
]


@pytest.mark.parametrize(("name", "table", "old", "new", "message"), BROKEN)
def test_a_broken_line_is_named(
    name: str, table: str, old: str, new: str, message: str, miniature: Miniature
):
    path = miniature(name) / table
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    root = path.parents[table.count("/")]
    with pytest.raises(LayoutError, match=message):
        list(corpora.get(name).read(root))


STRANGERS = [
    ("ravdess", "Actor_01/take2.wav", r"seven numbers .* found take2\.wav"),
    ("ravdess", "Actor_01/03-01-09-01-01-01-01.wav", r"emotion .* '09'"),
    ("emodb", "wav/hello.wav", r"03a01Fa .* found hello\.wav"),
    ("emodb", "wav/17a01Fa.wav", r"speaker .* '17'"),
    ("fsdd", "recordings/ten.wav", r"7_jackson_32 .* found ten\.wav"),
    ("speech_commands", "yes/yes.wav", r"0a7c2a8d_nohash_0 .* found yes\.wav"),
    ("crema_d", "AudioWAV/1001.wav", r"1001_IEO_ANG_HI .* found 1001\.wav"),
    ("crema_d", "AudioWAV/1001_IEO_BOR_HI.wav", r"emotion .* 'BOR'"),
    ("emov_db", "sam_Disgusted/take.wav", r"anger_1-28_0011\.wav .* found take\.wav"),
    ("ravdess", "Actor_01/03-03-01-01-01-01-01.wav", r"vocal channel .* '03'"),
]


@pytest.mark.parametrize(("name", "stranger", "message"), STRANGERS)
def test_a_strange_file_is_named(name: str, stranger: str, message: str, miniature: Miniature):
    root = miniature(name)
    (root / stranger).touch()
    with pytest.raises(LayoutError, match=message):
        list(corpora.get(name).read(root))


def test_hidden_files_are_passed_over(miniature: Miniature):
    root = miniature("fsdd")
    (root / "recordings" / "._0_george_0.wav").touch()
    (root / "recordings" / "notes.txt").touch()
    assert len(list(corpora.get("fsdd").read(root))) == 4


def test_a_git_lfs_pointer_for_a_table(miniature: Miniature):
    root = miniature("esc50")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    (root / "meta" / "esc50.csv").write_text(pointer)
    with pytest.raises(LayoutError, match=r"Git LFS pointer; run `git lfs pull`"):
        list(corpora.get("esc50").read(root))


@pytest.mark.parametrize("garbage", [b"\xff\xfe\x00d", b"filename,fold\n\x00\xe9", b""])
def test_garbage_for_a_table(garbage: bytes, miniature: Miniature):
    for name, table in (("esc50", "meta/esc50.csv"), ("ljspeech", "metadata.csv")):
        root = miniature(name)
        (root / table).write_bytes(garbage)
        if garbage or name == "esc50":
            with pytest.raises(LayoutError, match=r"Expected "):
                list(corpora.get(name).read(root))


def test_a_byte_order_mark_is_no_part_of_the_first_column(miniature: Miniature):
    path = miniature("esc50") / "meta" / "esc50.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(list(corpora.get("esc50").read(path.parents[1]))) == 6
