"""The traps of the corpora of sounds: a test for each."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from clara import corpora
from clara.audio.io import AUDIO_SUFFIXES
from clara.corpora import _files
from clara.errors import DataError, LayoutError
from clara.prepare.run import prepare
from clara.records import Entry
from clara.shards import Index
from clara.text.phrases import captions

Miniature = Callable[[str], Path]
Read = Callable[[str], dict[str, Entry]]


def entries(name: str, root: Path) -> dict[str, Entry]:
    return {entry.key: entry for entry in corpora.get(name).read(root)}


def refused(name: str, root: Path, message: str) -> None:
    with pytest.raises(LayoutError, match=message):
        list(corpora.get(name).read(root))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_bytes().decode("iso-8859-1")  # any byte goes in and comes out
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode("iso-8859-1"))


# Clips of videos: AudioCaps, AudioSet, VGGSound


def test_a_video_is_the_same_source_in_three_corpora(miniature: Miniature):
    video, places = "-NsC63dA01g", []
    places.append(miniature("audiocaps"))
    places.append(miniature("audioset"))
    edit(places[-1] / "eval_segments.csv", "--4gqARaEJE, 0.000", f"{video}, 10.000")
    places.append(miniature("vggsound"))
    edit(places[-1] / "vggsound.csv", "---g-f_I2yQ,1,", f"{video},10,")
    for root in places:
        assert f"youtube:{video}" in {e.source for e in corpora.get(root.name).read(root)}


@pytest.mark.parametrize("name", ["audiocaps", "audioset", "vggsound"])
def test_names_that_are_in_use_for_clips_are_found(name: str, miniature: Miniature):
    root = miniature(name)
    made = {path for path in root.rglob("*") if path.suffix in AUDIO_SUFFIXES}
    assert {entry.path for entry in corpora.get(name).read(root)} == made


@pytest.mark.parametrize("name", ["audiocaps", "audioset", "vggsound"])
def test_ids_that_begin_with_a_dash(name: str, read: Read):
    dashed = [entry for entry in read(name).values() if entry.source.startswith("youtube:-")]
    assert dashed
    assert all(entry.key.startswith("-") for entry in dashed)


@pytest.mark.parametrize(
    "stem", ["{}_000030", "{}_30", "{}_30000", "{}", "Y{}_30", "Y{}_30000", "Y{}"]
)
def test_each_name_of_a_clip(stem: str, tmp_path: Path):
    path = tmp_path / f"{stem.format('-DmjkgWa-rw')}.m4a"
    path.touch()
    found = _files.media(tmp_path)
    assert _files.video_clip(found, "-DmjkgWa-rw", 30.0, tmp_path) == path


def test_a_clip_of_another_second_is_not_taken(tmp_path: Path):
    for name in ("abcdefghijk_40.wav", "abcdefghijk_030.wav"):
        (tmp_path / name).touch()
    found = _files.media(tmp_path)
    path = _files.video_clip(found, "abcdefghijk", 30.0, tmp_path)
    assert path == tmp_path / "abcdefghijk_000030.wav"  # which is not there


def test_a_part_of_a_second_has_no_name_in_seconds(tmp_path: Path):
    (tmp_path / "abcdefghijk_202.wav").touch()
    (tmp_path / "abcdefghijk_202700.wav").touch()
    found = _files.media(tmp_path)
    path = _files.video_clip(found, "abcdefghijk", 202.7, tmp_path)
    assert path.name == "abcdefghijk_202700.wav"


def test_one_walk_takes_one_file_of_each_stem(tmp_path: Path):
    for name in ("b/x.mp4", "a/x.flac", "c/x.wav", "a/x.WAV", "a/y.txt", "a/._z.wav", ".h/w.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
    elsewhere = tmp_path.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "v.opus").touch()
    (tmp_path / "link").symlink_to(elsewhere, target_is_directory=True)
    found = _files.media(tmp_path)
    assert found == {
        "x": str(tmp_path / "a" / "x.WAV"),
        "v": str(tmp_path / "link" / "v.opus"),
    }


@pytest.mark.parametrize("name", ["audiocaps", "audioset", "vggsound"])
def test_videos_that_are_gone_are_counted_but_are_no_bad_records(
    name: str, miniature: Miniature, tmp_path: Path
):
    root = miniature(name)
    listed = entries(name, root)
    gone = sorted(listed)[:2]
    for key in gone:
        listed[key].path.unlink()
    report = prepare(name, root, tmp_path / "out", rate=8000, workers=1, allowed_bad=0.0)
    ((cause, count),) = report.skipped.items()
    assert "not there" in cause
    assert count == 2
    lines = (tmp_path / "out" / "skipped.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["key"] for line in lines) == gone


def test_a_broken_clip_of_a_video_is_a_bad_record(miniature: Miniature, tmp_path: Path):
    root = miniature("vggsound")
    next(iter(corpora.get("vggsound").read(root))).path.write_bytes(b"not audio")
    with pytest.raises(DataError, match="1 of 4 records skipped"):
        prepare("vggsound", root, tmp_path / "out", rate=8000, workers=1, allowed_bad=0.0)


def test_without_any_clip_the_user_is_told_where_they_go(miniature: Miniature, tmp_path: Path):
    root = miniature("vggsound")
    for path in (root / "clips").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"none of the 4 .* is there; `clara corpora`"):
        prepare("vggsound", root, tmp_path / "out", rate=8000, workers=1)


def test_a_missing_recording_of_another_corpus_stays_a_bad_record(
    miniature: Miniature, tmp_path: Path
):
    root = miniature("fsd50k")
    (root / "FSD50K.dev_audio" / "64760.wav").unlink()
    with pytest.raises(DataError, match="1 of 5 records skipped"):
        prepare("fsd50k", root, tmp_path / "out", rate=8000, workers=1)


# AudioCaps


def test_audiocaps_keeps_all_captions_of_a_clip_that_stand_apart(read: Read):
    found = read("audiocaps")
    ducks = found["vfY_TJq7n_U_130"]
    assert len(ducks.texts) == 5
    assert ducks.split == "valid"
    assert ducks.extra["audiocap_ids"] == ["97151", "108534", "109176", "108328", "108123"]
    assert len(found["-NsC63dA01g_10"].texts) == 4  # two people wrote the same


def test_audiocaps_in_one_split_only(miniature: Miniature):
    root = miniature("audiocaps")
    for name in ("train.csv", "val.csv"):
        (root / "dataset" / name).unlink()
    assert {entry.split for entry in entries("audiocaps", root).values()} == {"test"}


def test_audiocaps_tells_its_editions_apart(miniature: Miniature):
    root = miniature("audiocaps")
    assert {entry.extra["edition"] for entry in entries("audiocaps", root).values()} == {"1.0"}
    second = root / "dataset2.0"
    (root / "dataset").rename(second)
    for path in second.iterdir():
        with path.open(newline="") as file:
            rows = [[*row[:3], row[3].lower()] for row in csv.reader(file)]
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    assert {entry.extra["edition"] for entry in entries("audiocaps", second).values()} == {"2.0"}


def test_audiocaps_starts_at_whole_seconds(miniature: Miniature):
    root = miniature("audiocaps")
    edit(root / "dataset" / "test.csv", "-NsC63dA01g,10,", "-NsC63dA01g,ten,")
    refused("audiocaps", root, r"start_time .* line 2 of .*test\.csv, but found 'ten'")


def test_the_real_tables_of_audiocaps(real_data: Path):
    folder = real_data / "labels" / "audiocaps"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    found = entries("audiocaps", folder)
    splits = Counter(entry.split for entry in found.values())
    assert splits == {"train": 49_838, "valid": 495, "test": 975}
    assert {entry.extra["edition"] for entry in found.values()} == {"1.0"}
    texts = Counter(len(e.extra["audiocap_ids"]) for e in found.values() if e.split != "train")
    assert texts == {5: 495 + 975}
    assert sum(entry.key.startswith("-") for entry in found.values()) > 500


# AudioSet


def test_audioset_passes_comments_over_and_takes_quoted_labels(read: Read):
    found = read("audioset")
    assert len(found) == 7
    assert found["--4gqARaEJE_0"].labels["sound"] == (
        *("Domestic animals, pets", "Squeak", "Dog", "Animal"),
    )


def test_audioset_splits(read: Read):
    found = read("audioset")
    parts = {key: (entry.split, entry.extra["part"]) for key, entry in found.items()}
    assert parts["---2_BBVHAA_30000"] == ("train", "unbalanced_train")
    assert parts["CQKSstz9_hs_202700"] == ("test", "eval")
    assert parts["--PJHxphWEs_30000"][1] == "balanced_train"


def test_a_tenth_of_the_balanced_part_of_audioset_validates():
    from clara.corpora.audioset import _split

    videos = [f"{number:011}" for number in range(4000)]
    splits = Counter(_split("balanced_train", video) for video in videos)
    assert splits.keys() == {"train", "valid"}
    assert 0.08 < splits["valid"] / len(videos) < 0.12
    assert {_split("unbalanced_train", video) for video in videos} == {"train"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('--4gqARaEJE, 0.000, "/m/068hy"', r"YTID, start_seconds.* line 4 .* found '--4gqARaEJE"),
        ('--4gqARaEJE, 0.000, 10.000, "/m/xxx"', r"label to be one of .* \(527 in all\).*'/m/xxx'"),
    ],
)
def test_a_broken_line_of_audioset(line: str, message: str, miniature: Miniature):
    root = miniature("audioset")
    official = '--4gqARaEJE, 0.000, 10.000, "/m/068hy,/m/07q6cd_,/m/0bt9lr,/m/0jbk"'
    edit(root / "eval_segments.csv", official, line)
    refused("audioset", root, message)


# VGGSound


def test_the_first_line_of_vggsound_is_no_header(read: Read):
    found = read("vggsound")
    assert found["---g-f_I2yQ_000001"].split == "test"
    assert len(found) == 4


def test_a_label_of_vggsound_with_commas_is_one_label(read: Read):
    bees = read("vggsound")["--Lj4Y_96f0_000120"]
    assert bees.labels == {"sound": ("bee, wasp, etc. buzzing",)}
    assert captions(bees.labels)[0] == "The sound of bee, wasp, etc. buzzing"


def test_a_name_without_a_second_is_not_taken_for_two_clips(miniature: Miniature):
    root = miniature("vggsound")
    with (root / "vggsound.csv").open("a") as file:
        file.write('--Lj4Y_96f0,130,"bee, wasp, etc. buzzing",train\n')
    paths = [entry.path for entry in corpora.get("vggsound").read(root)]
    assert len(set(paths)) == 5
    assert root / "clips" / "--Lj4Y_96f0.wav" not in paths


def test_the_real_test_split_of_vggsound(real_data: Path, tmp_path: Path):
    table = real_data / "labels" / "vggsound" / "test.csv"
    if not table.is_file():
        pytest.skip(f"no {table}")
    with table.open(newline="") as file:
        clips = list(csv.reader(file))
    with (tmp_path / "vggsound.csv").open("w", newline="") as file:
        rows = ((name[:11], int(name[12:18]), label, "test") for name, label in clips)
        csv.writer(file).writerows(rows)
    found = entries("vggsound", tmp_path)
    assert {f"{key}.mp4" for key in found} == {name for name, _ in clips}
    assert {entry.split for entry in found.values()} == {"test"}


# Clotho


def test_clotho_does_not_swap_its_splits(read: Read):
    splits = {key.partition("/")[0]: entry.split for key, entry in read("clotho").items()}
    assert splits == {"development": "train", "validation": "valid", "evaluation": "test"}


def test_clotho_keeps_blanks_of_file_names(read: Read):
    names = {entry.path.name for entry in read("clotho").values()}
    assert {" Ambience Birds.wav", " e ieio ieai.wav"} <= names
    assert "wind  in [trees], farmer's field.wav" in names


def test_clotho_says_whose_in_latin_1(read: Read):
    found = read("clotho")
    assert found["development/ Ambience Birds"].extra["uploader"] == "Árbol"
    assert found["validation/ e ieio ieai"].extra["uploader"] == "Jörg"


def test_clotho_knows_source_and_licence_of_each_clip(read: Read):
    found = read("clotho")
    birds = found["development/ Ambience Birds"]
    assert (birds.source, birds.licence) == ("freesound:345512", "CC BY 3.0")
    assert birds.extra["keywords"] == ["birds", "forest", "field-recording"]
    wind = found["development/wind  in [trees], farmer's field"]
    assert (wind.source, wind.licence) == ("", "CC0 1.0")  # "Not found"


def test_a_name_that_stands_in_two_parts_of_clotho(miniature: Miniature):
    root = miniature("clotho")
    for kind in ("captions", "metadata"):
        edit(root / f"clotho_{kind}_evaluation.csv", "Santa Motor.wav", " e ieio ieai.wav")
    found = entries("clotho", root)
    assert {"validation/ e ieio ieai", "evaluation/ e ieio ieai"} <= found.keys()
    assert len({entry.path for entry in found.values()}) == len(found)


def test_clotho_1_has_no_validation_part(miniature: Miniature):
    root = miniature("clotho")
    for kind in ("captions", "metadata"):
        (root / f"clotho_{kind}_validation.csv").unlink()
    assert {entry.split for entry in entries("clotho", root).values()} == {"train", "test"}


def test_captions_of_clotho_without_what_is_known_of_the_file(miniature: Miniature):
    root = miniature("clotho")
    edit(root / "clotho_metadata_evaluation.csv", "Santa Motor", "Santa_Motor")
    refused("clotho", root, r"file_name to be one of Santa_Motor\.wav .* found 'Santa Motor\.wav'")
    (root / "clotho_metadata_evaluation.csv").unlink()
    refused("clotho", root, r"Expected clotho_metadata_evaluation\.csv of Clotho")


# FSD50K


def test_fsd50k_has_readable_labels_source_and_licence(read: Read):
    found = read("fsd50k")
    race = found["18442"]
    assert race.labels["sound"][:2] == ("Accelerating and revving and vroom", "Engine")
    assert (race.split, race.source, race.licence) == ("test", "freesound:18442", "CC BY 3.0")
    assert found["64760"].licence == "CC Sampling+ 1.0"
    assert (found["345111"].split, found["345111"].licence) == ("valid", "CC0 1.0")


def test_fsd50k_without_one_of_its_parts(miniature: Miniature):
    root = miniature("fsd50k")
    (root / "FSD50K.ground_truth" / "dev.csv").unlink()
    assert {entry.split for entry in entries("fsd50k", root).values()} == {"test"}


@pytest.mark.parametrize("garbage", ["", "[]", '{"64760": 5}', "{" * 100_000, "\x00"])
def test_garbage_for_what_is_known_of_clips(garbage: str, miniature: Miniature):
    root = miniature("fsd50k")
    (root / "FSD50K.metadata" / "dev_clips_info_FSD50K.json").write_text(garbage)
    refused("fsd50k", root, r"Expected (JSON|an object of objects) at .*dev_clips_info")


def test_a_clip_that_the_metadata_of_fsd50k_do_not_know(miniature: Miniature):
    root = miniature("fsd50k")
    edit(root / "FSD50K.ground_truth" / "dev.csv", "16399", "16400")
    refused("fsd50k", root, r"fname to be one of .* line 3 of .*dev\.csv, but found '16400'")


# MACS


def test_macs_merges_the_tags_of_all_people_and_keeps_their_sentences(read: Read):
    found = read("macs")
    entry = found["airport-stockholm-12-488-a"]
    assert entry.labels == {"scene": ("airport",), "sound": ("adults talking", "footsteps")}
    assert entry.texts == ("a ball bounces and people run", "some adults talk")
    square = found["public_square-helsinki-111-3230-a"]
    assert square.labels["scene"] == ("public square",)
    assert square.texts[1] == "no"  # which YAML takes for a false


def test_a_place_of_macs_stays_in_one_split(read: Read):
    places: dict[str, set[str]] = {}
    for entry in read("macs").values():
        places.setdefault(entry.source, set()).add(entry.split)
    assert len(places["tau2019:stockholm-12"]) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("files: [", r"YAML at"),
        ("- 1", r"a list `files`"),
        ("files: {a: 1}", r"a list `files`"),
        ("files:\n- 5", r"annotations .* entry 1 of .*MACS\.yaml, but found '5'"),
        ("files:\n- filename: x\n  annotations: [{sentence: y}]", r"annotations .* entry 1"),
        ("files:\n- filename: x.wav\n  annotations: []", r"park-lyon-.* entry 1 .* found 'x\.wav'"),
        (
            "files:\n- filename: x\n  annotations: [{sentence: y, tags: z}]",
            r"annotations .* entry 1",
        ),
        ("files: \x00", r"YAML at"),
    ],
)
def test_hostile_yaml(text: str, message: str, miniature: Miniature):
    root = miniature("macs")
    (root / "MACS.yaml").write_text(text)
    refused("macs", root, message)


def test_yaml_runs_nothing_and_is_not_blown_up(miniature: Miniature, tmp_path: Path):
    root = miniature("macs")
    made = tmp_path / "made"
    (root / "MACS.yaml").write_text(f"files: !!python/object/apply:os.mkdir ['{made}']")
    refused("macs", root, r"entry 1 of")
    assert not made.exists()
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for depth in range(1, 12):
        bomb.append(f"a{depth}: &a{depth} [{', '.join([f'*a{depth - 1}'] * 9)}]")
    (root / "MACS.yaml").write_text("\n".join([*bomb, "files: [*a11]"]))
    refused("macs", root, r"entry 1 of")


# Tunebot


def test_tunebot_goes_by_the_names_of_its_columns(miniature: Miniature):
    root = miniature("tunebot")
    before = entries("tunebot", root)
    with (root / "tunebot.csv").open(newline="") as file:
        rows = [[row[0], row[1], row[3], row[2]] for row in csv.reader(file)]
    with (root / "tunebot.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert entries("tunebot", root) == before


def test_tunebot_keeps_a_song_in_one_split_however_it_is_written(read: Read):
    found = read("tunebot")
    same = [entry for entry in found.values() if "delilah" in entry.labels["song"][0].lower()]
    assert len(same) == 2
    assert len({entry.split for entry in same}) == 1


def test_a_song_called_none_without_an_album(read: Read):
    found = read("tunebot")
    assert found["2008/02/29/1204243200000_50001"].labels["song"] == ("None",)
    assert "album" not in found["2008/01/01/1199168811234_48496"].labels
    assert all(entry.language == "" for entry in found.values())


# VocalSketch


def test_vocal_sketch_leaves_out_drafts_trials_and_what_is_excluded(read: Read):
    names = {key.partition("/")[2].partition(" - ")[0] for key in read("vocal_sketch")}
    assert not names & {"subsynth 374", "violin", "cow"}
    assert {"snoring", "frog"} <= names


def test_vocal_sketch_says_what_was_heard_of_a_synthesiser(read: Read):
    found = {entry.extra["concept"]: entry for entry in read("vocal_sketch").values()}
    assert found["subsynth 2043"].labels["imitation"] == ("an air lock opens",)
    assert found["alien discovery"].labels["imitation"] == ("null",)  # somebody wrote that
    assert found["bullet time"].labels["imitation"] == ("bullet time",)
    assert found["basketball"].labels["imitation"] == ("basketball",)


def test_vocal_sketch_in_its_older_layout(miniature: Miniature):
    root = miniature("vocal_sketch")
    (root / "vocal_imitations" / "included").rename(root / "included_vocal_imitations")
    (root / "vocal_imitaitons_set2.csv").unlink()
    found = entries("vocal_sketch", root)
    assert len(found) == 5
    assert all(entry.path.is_file() for entry in found.values())


def test_rounded_ids_of_the_second_collection_name_nobody_wrongly(read: Read):
    found = {entry.extra["concept"]: entry for entry in read("vocal_sketch").values()}
    cymbal, frog = found["chinese cymbal (hit with a stick)"], found["frog"]
    assert (cymbal.speaker, cymbal.labels["gender"]) == ("set2/5.20e+15", ("woman",))
    assert "gender" not in frog.labels  # two people of the survey have ids that round to this
    assert found["snoring"].labels["age"] == ("28",)
    assert captions(found["snoring"].labels)[0] == (
        "A 28 year old woman imitating the sound of snoring"
    )


def test_a_flag_that_is_none(miniature: Miniature):
    root = miniature("vocal_sketch")
    edit(root / "vocal_imitations.csv", "sound label,True,False", "sound label,yes,False")
    refused("vocal_sketch", root, r"included to be one of true, false in line 4 .* 'yes'")


# Fine-grained Vocal Imitation Set


def test_a_first_column_without_a_name(read: Read):
    dog = read("fine_grained_vocal_imitation")["005Animal_Domestic animals_ pets_Dog_Growling-322"]
    assert dog.labels == {"imitation": ("Growling",)}
    assert dog.extra["categories"] == ["Animal", "Domestic animals, pets", "Dog", "Growling"]
    assert dog.texts == ("a dog that growls",)


def test_quotes_that_a_participant_typed(read: Read):
    found = read("fine_grained_vocal_imitation")
    (bell,) = (entry for key, entry in found.items() if "Doorbell" in key)
    assert bell.texts == ('someone says "ding dong" twice',)


def test_an_excluded_imitation_is_left_out(read: Read):
    assert not [key for key in read("fine_grained_vocal_imitation") if "Harp" in key]


# Recordings with subtitles


def test_sentences_and_times_of_subtitles(read: Read):
    found = read("youtube")
    talk = found["media/A talk [dQw4w9WgXcQ].wav@2.000-5.000"]
    assert talk.transcript == "Good morning, and welcome to all of you."
    assert (talk.start, talk.end, talk.language) == (2.0, 5.0, "en")
    assert talk.extra == {"title": "A talk"}


def test_what_is_not_said_is_no_transcript(read: Read):
    words = " ".join(entry.transcript for entry in read("youtube").values())
    assert not {"Music", "Translator", "Laughter", "Musique", "NOTE"} & {*words.split()}
    assert "[" not in words


def test_a_video_is_known_by_its_file_or_by_the_manifest(miniature: Miniature):
    root = miniature("youtube")
    sources = {entry.source for entry in corpora.get("youtube").read(root)}
    assert sources == {"youtube:dQw4w9WgXcQ", "youtube:-DmjkgWa-rw", ""}
    edit(root / "manifest.csv", "language,title", "language,title,id")
    edit(root / "manifest.csv", "A talk\n", "A talk,\n")
    edit(root / "manifest.csv", 'kurz"\n', 'kurz",\n')
    edit(root / "manifest.csv", "Une histoire\n", "Une histoire,abcdefghijk\n")
    assert "youtube:abcdefghijk" in {entry.source for entry in corpora.get("youtube").read(root)}


def test_a_video_stays_in_one_split(read: Read):
    splits: dict[str, set[str]] = {}
    for entry in read("youtube").values():
        splits.setdefault(str(entry.path), set()).add(entry.split)
    assert all(len(each) == 1 for each in splits.values())


def test_subtitles_that_cannot_be_read_are_named_with_their_line(miniature: Miniature):
    root = miniature("youtube")
    path = root / "media" / "story.json3"
    path.write_text('{"events": [')
    refused("youtube", root, r"JSON of YouTube's .* at .*story\.json3.*line 4 of .*manifest\.csv")
    path.unlink()
    refused("youtube", root, r"Expected subtitles at .*story\.json3, but found: No such file")


def test_a_manifest_without_a_subtitle(miniature: Miniature):
    root = miniature("youtube")
    edit(root / "manifest.csv", "media/story.wav,media/story.json3", "media/story.wav,")
    refused("youtube", root, r"a path and a subtitle in line 4")


def test_sentences_are_cut_out_of_the_recording(miniature: Miniature, tmp_path: Path):
    root = miniature("youtube")
    for path in (root / "media").glob("*.wav"):
        soundfile.write(path, [0.1] * 80_000, 8000)
    report = prepare("youtube", root, tmp_path / "out", rate=8000, workers=1)
    assert not report.skipped
    index = Index.open(tmp_path / "out")
    seconds = {index.key(i): index.sample(i).seconds for i in range(len(index))}
    assert seconds["youtube/media/A talk [dQw4w9WgXcQ].wav@2.000-5.000"] == pytest.approx(3.0)


# ESC-50


def test_the_clips_of_esc10_have_a_freer_licence(read: Read):
    found = read("esc50")
    assert found["1-17367-A-10"].licence == "CC BY 3.0"
    assert found["4-133047-A-5"].licence == "CC BY-NC 3.0"


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("https://creativecommons.org/licenses/by/4.0/", "CC BY 4.0"),
        ("http://creativecommons.org/licenses/by-nc-sa/3.0/deed.en", "CC BY-NC-SA 3.0"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0"),
        ("http://creativecommons.org/licenses/sampling+/1.0/", "CC Sampling+ 1.0"),
        ("all mine", "all mine"),
        ("", ""),
    ],
)
def test_short_names_of_licences(link: str, name: str):
    assert _files.licence(link) == name
