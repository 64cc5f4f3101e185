"""The traps of the speech corpora, one test each."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from layouts import edit

from clara import corpora
from clara.errors import DataError, LayoutError
from clara.prepare.run import prepare
from clara.records import Entry
from clara.text.languages import language_name
from clara.text.phrases import captions

Miniature = Callable[[str], Path]
Read = Callable[[str], dict[str, Entry]]


# Common Voice


def test_common_voice_reads_columns_by_name_in_any_release(read: Read):
    entries = read("common_voice")
    old, new = entries["common_voice_en_27710027"], entries["common_voice_nan-tw_31126218"]
    assert (old.transcript, old.split) == ("She'll be all right.", "valid")
    assert old.labels == {"gender": ("woman",), "age": ("twenties",), "accent": ("US American",)}
    assert (new.transcript, new.split) == ("食飽未？", "test")
    assert new.labels == {"gender": ("woman",), "age": ("sixties",)}
    assert new.extra["sentence_domain"] == "general,language_fundamentals"
    assert len(new.speaker) == 128


def test_common_voice_quotes_mean_nothing(read: Read):
    entry = read("common_voice")["common_voice_en_17694034"]
    assert entry.transcript == '"Well, said the King, "begin at the beginning.'


def test_common_voice_keeps_words_that_look_like_no_value(read: Read):
    entries = read("common_voice")
    said = [entries[f"common_voice_{key}"].transcript for key in ("en_17694035", "en_19547402")]
    assert said == ["null", "NA"]
    assert entries["common_voice_nan-tw_31126219"].transcript == "None"


def test_common_voice_spells_forties(read: Read):
    entry = read("common_voice")["common_voice_en_17694035"]
    assert entry.labels["age"] == ("forties",)
    spoken = captions(entry.labels, entry.transcript, entry.language)
    assert spoken[0] == 'A man in his forties saying "null" with a South Asian and English accent'
    assert "A person in their forties" in spoken


def test_common_voice_accents_have_commas_or_bars_between_and_in_brackets(read: Read):
    entries = read("common_voice")
    assert entries["common_voice_en_17694034"].labels["accent"] == ("South Asian", "English")
    own = entries["common_voice_en_27710028"]
    assert "accent" not in own.labels
    assert own.extra["accents"] == "mostly from Leeds, a bit posh"
    assert "accent" not in entries["common_voice_nan-tw_31126217"].labels


def test_common_voice_genders_old_and_new(read: Read):
    entries = read("common_voice")
    assert entries["common_voice_nan-tw_31126217"].labels["gender"] == ("man",)
    other, unsaid = (
        entries["common_voice_en_19547402"],
        entries["common_voice_nan-tw_31126219"],
    )
    assert other.labels == unsaid.labels == {}
    assert other.extra["gender"] == "other"
    assert unsaid.extra["gender"] == "do_not_wish_to_say"


def test_common_voice_locales_become_tags(read: Read):
    tags = {entry.language for entry in read("common_voice").values()}
    assert tags == {"en", "nan-TW"}


def test_common_voice_of_one_locale_or_one_release(miniature: Miniature):
    root = miniature("common_voice")
    release = root / "cv-corpus-11.0-2022-09-21"
    for folder in (release, release / "en"):
        assert len(list(corpora.get("common_voice").read(folder))) == 5


def test_common_voice_of_the_folder_one_stands_in(
    miniature: Miniature, monkeypatch: pytest.MonkeyPatch
):
    folder = miniature("common_voice") / "cv-corpus-25.0-2026-03-09" / "nan-tw"
    for name in ("train.tsv", "test.tsv"):
        edit(folder / name, "\tnan-tw\t", "\t\t")  # before 5.0 there was no such column
    monkeypatch.chdir(folder)
    assert {e.language for e in corpora.get("common_voice").read(Path())} == {"nan-TW"}


def test_common_voice_takes_a_locale_once(miniature: Miniature):
    root = miniature("common_voice")
    (root / "cv-corpus-25.0-2026-03-09" / "nan-tw").rename(root / "cv-corpus-25.0-2026-03-09/en")
    with pytest.raises(LayoutError, match=r"each locale .* once .* 'en' .* one release"):
        list(corpora.get("common_voice").read(root))


def test_common_voice_delta_releases_have_no_splits(miniature: Miniature):
    root = miniature("common_voice") / "cv-corpus-11.0-2022-09-21" / "en"
    for name in ("train", "dev", "test"):
        (root / f"{name}.tsv").unlink()
    with pytest.raises(LayoutError, match=r"Expected train\.tsv of Common Voice"):
        list(corpora.get("common_voice").read(root))


def test_common_voice_clip_that_is_missing_is_a_bad_record(miniature: Miniature, tmp_path: Path):
    root = miniature("common_voice")
    (root / "cv-corpus-11.0-2022-09-21/en/clips/common_voice_en_17694035.mp3").unlink()
    report = prepare("common_voice", root, tmp_path / "out", workers=1, allowed_bad=0.2)
    assert report.skipped == {"it cannot be opened (No such file or directory)": 1}


COMMON_VOICE = """
    ab ar en fa fr es sl kab cy ca de tt ta ru nl it eu tr zh-TW br pt eo zh-CN id ia lv ja rw sv-SE
    cnh et ky ro hsb el cs pl rm-sursilv rm-vallader mn zh-HK cv uk mt as ka fy-NL dv pa-IN vi or
    ga-IE fi hu th lt lg hi bas sk kmr bg kk ba gl ug hy-AM be ur gn sr uz mr da myv nn-NO ha ckb ml
    mdf sw sat tig ig nan-tw mhr bn tok yue sah mk sc skr ti mrj tw vot az ast ne-NP
""".split()  # noqa: SIM905 (the 100 locales of release 11)
LATER = """
    af am dag dyu he ht is kbd ko lij lo ltg nb-NO nhi nr nso oc os ps quy rup sd sq st te tg tk
    tn ts ve xh yi yo za zgh zu zza abb ady ajg an bag bax bba bbj bbl bce bci beb bfd bft bgp
    bkh bkm bnm bnn brh bri bsh bsk btv bum byv cjk cpy cut cux dar dml dmk dru dsb dua ebr eko
    esu eto ewo fan fmp fub fue ggg gid gig giz gjk gju gsw gv gwc gwt gya haz hem hno hux ibb
    ik jgo jqr kdh kfr khw kls ksf kvx kw kxp lrk lss lua lzz mau mbo mcf mcn mcx mdd mhk mki ms
    mse mua mug mve mvy mxu ncx nla nlv nmg nmz nnh nyu odk oru pcm phl phr plk prq pua pwn qup
    qur qus qux qva qvi qvj qvl qwa qws qxa qxp qxt qxu qxw rof sbn scl sei ss ssi sva szy tar
    tay tli trv trw tui tvu udl ush var wbl wes xhe xka xmf yaq yav ydg zoc
""".split()  # noqa: SIM905 (what later releases added, as far as their change log has codes)


@pytest.mark.parametrize(
    "tags", [COMMON_VOICE, LATER, corpora.get("mswc").languages], ids=["11", "later", "mswc"]
)
def test_every_language_has_a_name_of_its_own(tags: Sequence[str]):
    assert len(tags) == len(set(tags)) in (100, 50, len(LATER))
    assert not [tag for tag in tags if not language_name(tag)]
    names = Counter(map(language_name, tags))
    assert not [name for name, count in names.items() if count > 1 or not name[0].isupper()]


def test_the_locale_that_is_no_tag_becomes_one(miniature: Miniature):
    root = miniature("common_voice") / "cv-corpus-25.0-2026-03-09" / "nan-tw"
    edit(root / "train.tsv", "\tnan-tw\t", "\tipk\t")
    languages = {entry.language for entry in corpora.get("common_voice").read(root)}
    assert languages == {"ik", "nan-TW"}


# MSWC


def test_mswc_null_and_nan_are_words(read: Read):
    entries = read("mswc")
    for word, name in (("null", "18833718"), ("nan", "20127840"), ("it's", "511937")):
        entry = entries[f"{word}/common_voice_en_{name}"]
        assert (entry.labels["keyword"], entry.transcript) == ((word,), word)


def test_mswc_one_file_name_in_the_folders_of_several_words(read: Read):
    entries = read("mswc")
    first = entries["null/common_voice_en_18833718"]
    second = entries["aachen/common_voice_en_18833718"]
    assert first.path != second.path
    assert first.source == second.source == "common_voice:common_voice_en_18833718"


def test_mswc_words_have_the_source_of_the_sentence_they_were_cut_from(
    read: Read, miniature: Miniature
):
    word = read("mswc")["it's/common_voice_en_511937"]
    root = miniature("common_voice")
    edit(root / "cv-corpus-11.0-2022-09-21/en/test.tsv", "_27710028.", "_511937.")
    assert word.source in {entry.source for entry in corpora.get("common_voice").read(root)}


def test_mswc_rows_that_are_not_valid_are_passed_over(read: Read):
    assert not [key for key in read("mswc") if key.endswith("18833719")]


def test_mswc_speakers_and_genders_that_nobody_told(read: Read):
    entries = read("mswc")
    unknown = entries["nan/common_voice_en_20127840"]
    assert (unknown.speaker, unknown.labels) == ("", {"keyword": ("nan",)})
    assert "gender" not in entries["quei/common_voice_rm-sursilv_22957310"].labels
    assert entries["it's/common_voice_en_511937"].labels["gender"] == ("woman",)


def test_mswc_one_table_in_place_of_three(read: Read):
    sursilvan = {e.split for e in read("mswc").values() if e.language == "rm-sursilv"}
    assert sursilvan == {"train", "valid"}


def test_mswc_takes_the_three_tables_where_both_are_there(read: Read):
    assert len(read("mswc")) == 6  # not the row of en_splits.csv once more


@pytest.mark.parametrize("places", [("splits", "en"), ("splits/en", "audio/en"), (".", "en")])
def test_mswc_wherever_the_two_archives_were_unpacked(
    places: tuple[str, str], miniature: Miniature, tmp_path: Path
):
    root = miniature("mswc")
    splits, audio = (tmp_path / "own" / place for place in places)
    splits.mkdir(parents=True)
    audio.mkdir(parents=True, exist_ok=True)
    for name in ("train", "dev", "test"):
        (root / "en" / f"en_{name}.csv").rename(splits / f"en_{name}.csv")
    (root / "en" / "clips").rename(audio / "clips")
    entries = list(corpora.get("mswc").read(tmp_path / "own"))
    assert len(entries) == 4
    assert all(entry.path.is_file() for entry in entries)


def test_mswc_of_one_language(miniature: Miniature):
    entries = list(corpora.get("mswc").read(miniature("mswc") / "en"))
    assert len(entries) == 4
    assert all(entry.path.is_file() for entry in entries)


def test_mswc_with_a_table_missing(miniature: Miniature):
    root = miniature("mswc")
    (root / "en" / "en_dev.csv").unlink()
    (root / "en" / "en_splits.csv").unlink()
    with pytest.raises(LayoutError, match=r"found no en_dev\.csv; unpack"):
        list(corpora.get("mswc").read(root))


# LibriSpeech


def test_librispeech_reads_all_seven_parts(read: Read):
    parts = {entry.extra["part"]: entry.split for entry in read("librispeech").values()}
    assert parts == {
        "train-clean-100": "train",
        "train-clean-360": "train",
        "train-other-500": "train",
        "dev-clean": "valid",
        "dev-other": "valid",
        "test-clean": "test",
        "test-other": "test",
    }


def test_librispeech_a_name_with_a_bar_in_it(read: Read):
    entry = read("librispeech")["60-121082-0000"]
    assert entry.labels == {"gender": ("man",)}
    assert (entry.speaker, entry.extra["chapter"]) == ("60", "121082")


def test_librispeech_is_not_shouted(read: Read):
    assert read("librispeech")["60-121082-0000"].transcript == "it's the bit i can't remember"


def test_librispeech_in_the_folder_of_its_name_or_not(miniature: Miniature):
    root = miniature("librispeech")
    inside = list(corpora.get("librispeech").read(root / "LibriSpeech"))
    assert inside == list(corpora.get("librispeech").read(root))


def test_librispeech_without_a_part(miniature: Miniature):
    root = miniature("librispeech") / "LibriSpeech"
    for part in root.glob("*/"):
        part.rename(part.with_name(f"old-{part.name}"))
    with pytest.raises(LayoutError, match=r"train-clean-100, .* found none; unpack a part"):
        list(corpora.get("librispeech").read(root))


# CREMA-D


def test_crema_d_passes_over_the_silent_file(miniature: Miniature):
    root = miniature("crema_d")
    silent = root / "AudioWAV" / "1076_MTI_SAD_XX.wav"
    soundfile.write(silent, np.zeros(160), 16_000)
    entries = list(corpora.get("crema_d").read(root))
    assert len(entries) == 8
    assert silent.stem not in {entry.key for entry in entries}


def test_crema_d_stubs_are_counted_as_what_they_are(miniature: Miniature, tmp_path: Path):
    report = prepare("crema_d", miniature("crema_d"), tmp_path / "o", workers=1, allowed_bad=0.2)
    assert report.skipped == {"it is a Git LFS pointer, not the file itself": 1}


def test_crema_d_a_folder_of_stubs_stops_the_work(miniature: Miniature, tmp_path: Path):
    root = miniature("crema_d")
    stub = (root / "AudioWAV" / "1091_WSI_HAP_XX.wav").read_bytes()
    for path in (root / "AudioWAV").iterdir():
        path.write_bytes(stub)
    with pytest.raises(DataError, match=r"8 of 8 records skipped: it is a Git LFS pointer"):
        prepare("crema_d", root, tmp_path / "o", workers=1)


def test_crema_d_says_what_the_actor_meant_and_what_was_heard(read: Read):
    entry = read("crema_d")["1004_IEO_FEA_MD"]
    assert entry.labels == {
        "emotion": ("fearful",),
        "gender": ("woman",),
        "age": ("42",),
        "intensity": ("medium",),
    }
    assert entry.extra["voice_vote"] == ["disgusted", "neutral"]
    assert captions(entry.labels, entry.transcript, entry.language)[0] == (
        "A 42 year old woman saying \"It's eleven o'clock.\" in a fearful voice with medium "
        "emotional intensity"
    )


def test_crema_d_an_unspecified_level_is_no_label(read: Read):
    assert "intensity" not in read("crema_d")["1002_DFA_NEU_XX"].labels


def test_crema_d_without_the_votes(miniature: Miniature):
    root = miniature("crema_d")
    (root / "processedResults" / "summaryTable.csv").unlink()
    entries = list(corpora.get("crema_d").read(root))
    assert len(entries) == 8
    assert not [entry for entry in entries if "voice_vote" in entry.extra]


def test_crema_d_knows_what_its_tables_say(real_data: Path, tmp_path: Path):
    tables = real_data / "labels" / "CREMA-D"
    if not tables.is_dir():
        pytest.skip(f"no {tables}")
    shutil.copytree(tables, tmp_path / "corpus")
    (tmp_path / "corpus" / "AudioWAV").mkdir()
    lines = (tables / "SentenceFilenames.csv").read_text().splitlines()[1:]
    for line in lines:
        (tmp_path / "corpus" / "AudioWAV" / f"{line.split(',')[1].strip(chr(34))}.wav").touch()
    corpus = corpora.get("crema_d")
    entries = list(corpus.read(tmp_path / "corpus"))
    assert len(entries) == 7442 - 1
    for kind, values in corpus.labels.items():
        assert {value for entry in entries for value in entry.labels.get(kind, ())} == set(values)
    people = {entry.speaker: entry.labels["gender"][0] for entry in entries}
    assert Counter(people.values()) == {"man": 48, "woman": 43}
    assert all(entry.extra["voice_vote"] for entry in entries)
    said = {entry.key.split("_")[1]: entry.transcript for entry in entries}
    readme = (tables / "README.md").read_text(encoding="utf-8")
    assert len(said) == 12
    assert all(f"- {text.rstrip('.')} ({code})" in readme for code, text in said.items())
    for split, least in (("train", 0.6), ("valid", 0.05), ("test", 0.15)):
        part = [entry for entry in entries if entry.split == split]
        assert len(part) / len(entries) >= least
        speakers = {entry.speaker for entry in part}
        assert {people[speaker] for speaker in speakers} == {"man", "woman"}
        assert {entry.labels["emotion"] for entry in part} == {
            (emotion,) for emotion in corpus.labels["emotion"]
        }


# EMNS


def test_emns_fills_the_description_and_drops_stray_braces(read: Read):
    entries = read("emns")
    assert entries["recorded_audio_Ab3dE9x"].texts == (
        'A woman in her twenties says "The germ cell lineage ends here." in an excited tone, '
        "stressing germ cell lineage.",
    )
    assert entries["recorded_audio_zz00Q1k"].texts == (
        'A woman in her twenties mutters: "Oh, the null and void! The word Word is stressed.',
    )
    assert entries["recorded_audio_0pq7RsT"].texts == ("The voice is flat and calm throughout.",)


def test_emns_takes_what_is_complete(read: Read):
    entries = read("emns")
    assert len(entries) == 4
    assert "recorded_audio_N0tUsed" not in entries


def test_emns_recordings_lie_elsewhere_than_the_table_says(miniature: Miniature):
    root = miniature("emns")
    (root / "cleaned_webm").rename(root / "raw_webm")
    for entry in corpora.get("emns").read(root):
        assert entry.path.parent == root / "raw_webm"
        assert entry.path.is_file()


def test_emns_has_a_quote_that_never_ends(read: Read):
    entry = read("emns")["recorded_audio_zz00Q1k"]
    assert entry.transcript == '"Oh, the null and void!'
    assert entry.labels["gender"] == ("woman",)  # "Female" in that line


def test_emns_what_is_said_twice_is_in_one_split(miniature: Miniature):
    root = miniature("emns")
    edit(root / "metadata.csv", "Needs Updating", "Complete")
    splits: dict[str, set[str]] = {}
    for entry in corpora.get("emns").read(root):
        splits.setdefault(entry.transcript, set()).add(entry.split)
    assert len(splits) == 4
    assert all(len(found) == 1 for found in splits.values())


def test_emns_without_its_recordings(miniature: Miniature):
    root = miniature("emns")
    (root / "cleaned_webm").rename(root / "webm")
    with pytest.raises(LayoutError, match=r"Expected cleaned_webm of EMNS"):
        list(corpora.get("emns").read(root))


# EmoV-DB


def test_emov_db_takes_the_emotion_from_the_folder(read: Read):
    entry = read("emov_db")["jenie_neutral_anger_1-28_0001"]
    assert entry.labels == {"emotion": ("neutral",), "gender": ("woman",)}
    assert entry.transcript == "Author of the danger trail, Philip Steels, etc."


def test_emov_db_passes_over_numbers_without_a_sentence(read: Read):
    entries = read("emov_db")
    assert entries["sam_disgusted_disgust_561-593_0593"].transcript.endswith("fifteen minutes.")
    assert "sam_disgusted_disgust_561-593_0594" not in entries


def test_emov_db_sorted_by_speaker(miniature: Miniature):
    root = miniature("emov_db")
    before = {entry.key for entry in corpora.get("emov_db").read(root)}
    for folder in list(root.glob("*_*/")):
        place = root.joinpath(*folder.name.split("_"))
        place.parent.mkdir(exist_ok=True)
        folder.rename(place)
    assert {entry.key for entry in corpora.get("emov_db").read(root)} == before


def test_emov_db_in_folders_of_their_archives(miniature: Miniature):
    root = miniature("emov_db")
    before = [entry.key for entry in corpora.get("emov_db").read(root)]
    for folder in list(root.glob("*_*/")):
        folder.rename(root / "moved")
        folder.mkdir()
        (root / "moved").rename(folder / folder.name)
    assert [entry.key for entry in corpora.get("emov_db").read(root)] == before


def test_emov_db_speakers_by_number(tmp_path: Path):
    for number in "1234":
        (tmp_path / number).mkdir()
    with pytest.raises(LayoutError, match=r"speakers by number \(1, 2, 3, 4\), and no list"):
        list(corpora.get("emov_db").read(tmp_path))


def test_emov_db_without_its_sentences(miniature: Miniature):
    root = miniature("emov_db")
    (root / "cmuarctic.data").unlink()
    with pytest.raises(LayoutError, match=r"Expected cmuarctic\.data of EmoV-DB"):
        list(corpora.get("emov_db").read(root))


# RAVDESS


def test_ravdess_sings(read: Read):
    entry = read("ravdess")["03-02-05-02-01-01-01"]
    assert entry.labels["manner"] == ("singing",)
    assert captions(entry.labels, entry.transcript, entry.language) == (
        'A man singing "Kids are talking by the door" in an angry voice with strong emotional '
        "intensity",
        "A person singing in an angry voice",
        "A man",
        "A person singing with strong emotional intensity",
        "A person singing",
        "English speaker",
        "Kids are talking by the door",
    )


def test_ravdess_in_two_folders_of_the_same_actors(miniature: Miniature):
    root = miniature("ravdess")
    for path in list(root.glob("Actor_*/*.wav")):
        archive = "Song" if path.name[3:5] == "02" else "Speech"
        place = root / f"Audio_{archive}_Actors_01-24" / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(place)
    for folder in root.glob("Actor_*"):
        folder.rmdir()
    entries = list(corpora.get("ravdess").read(root))
    manners = Counter(entry.labels["manner"][0] for entry in entries)
    assert manners == {"speaking": 6, "singing": 2}
    assert len({entry.key for entry in entries}) == 8


@pytest.mark.parametrize("actor", ["25", "xx", "00", "1"])
def test_ravdess_has_24_actors(actor: str, miniature: Miniature):
    root = miniature("ravdess")
    path = next(root.rglob("03-01-*.wav"))
    path.rename(path.with_name(f"03-01-01-01-01-01-{actor}.wav"))
    with pytest.raises(LayoutError, match=r"actor to be one of 01, .* but found"):
        list(corpora.get("ravdess").read(root))


def test_ravdess_videos_of_the_same_takes_are_passed_over(read: Read):
    assert "01-01-05-02-01-01-01" not in read("ravdess")


# CMU Arctic


def test_cmu_arctic_sentences_that_were_not_recorded(read: Read):
    entries = read("cmu_arctic")
    assert "aew_arctic_a0001" in entries
    assert "aew_arctic_a0002" not in entries
    assert "awb_arctic_a0999" not in entries  # recorded, but nobody says what


def test_cmu_arctic_one_sentence_in_several_voices(read: Read):
    entries = read("cmu_arctic")
    said = {e.transcript for key, e in entries.items() if key.endswith("_arctic_a0001")}
    assert said == {"Author of the danger trail, Philip Steels, etc."}
    assert entries["rxr_arctic_b0539"].transcript == 'He said, "At sea, the fox."'


ACCENTS = [
    ("clb", "a woman", "a US American"),
    ("slp", "a woman", "an Indian"),
    ("awb", "a man", "a Scottish"),
    ("fem", "a man", "an Irish"),
    ("rxr", "a man", "an Israeli"),
]


@pytest.mark.parametrize(("voice", "who", "accent"), ACCENTS)
def test_cmu_arctic_accents_have_their_article(voice: str, who: str, accent: str, read: Read):
    entry = next(e for e in read("cmu_arctic").values() if e.speaker == voice)
    first = captions(entry.labels, "", "")[0]
    assert first == f"{who.capitalize()} talking with {accent} accent"


def test_cmu_arctic_of_a_stranger(miniature: Miniature):
    root = miniature("cmu_arctic")
    (root / "cmu_us_slp_arctic").rename(root / "cmu_us_xyz_arctic")
    with pytest.raises(LayoutError, match=r"voice to be one of aew, .* found 'xyz'"):
        list(corpora.get("cmu_arctic").read(root))


def test_cmu_arctic_without_its_recordings(miniature: Miniature):
    root = miniature("cmu_arctic")
    (root / "cmu_us_slp_arctic" / "wav").rename(root / "elsewhere")
    with pytest.raises(LayoutError, match=r"cmu_us_slp_arctic/wav, but found no such folder"):
        list(corpora.get("cmu_arctic").read(root))


def test_a_line_that_festival_would_not_read(miniature: Miniature):
    root = miniature("cmu_arctic")
    edit(root / "cmu_us_slp_arctic" / "etc" / "txt.done.data", ' etc." )', " etc.")
    with pytest.raises(LayoutError, match=r"line 1 of .*slp.*, but found '\( arctic_a0001"):
        list(corpora.get("cmu_arctic").read(root))


# Cambridge Dictionary


def test_cambridge_has_two_recordings_of_a_word(read: Read):
    entries = read("cambridge")
    assert list(entries) == ["0_gb", "0_us", "1_gb", "1_us", "2_gb"]
    british, american = entries["0_gb"], entries["0_us"]
    assert british.labels == {"keyword": ("customs",), "accent": ("British",)}
    assert american.labels["accent"] == ("American",)
    assert british.split == american.split


def test_cambridge_words_are_words(read: Read):
    said = [entry.transcript for entry in read("cambridge").values()]
    assert said[2:] == ["null", "null", "well, well"]


def test_cambridge_recordings_lie_as_their_url_says_or_together(read: Read):
    entries = read("cambridge")
    assert entries["0_us"].path.parts[-6:-1] == ("english", "us_pron", "c", "cus", "cus00")
    assert entries["1_gb"].path.parent.name == "audio"


@pytest.mark.parametrize("url", ["../../../etc/passwd", "https://dictionary.cambridge.org/"])
def test_cambridge_urls_that_lead_elsewhere(url: str, miniature: Miniature):
    root = miniature("cambridge")
    edit(root / "meta.csv", "/media/english/us_pron/n/nul/null_/null.mp3", url)
    with pytest.raises(LayoutError, match=r"a file below .* in line 3 .* correct it"):
        list(corpora.get("cambridge").read(root))
