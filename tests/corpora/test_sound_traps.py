"""The traps of the corpora of sounds but for those of videos: a test for each."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from layouts import edit, entries, refused

from clara import corpora
from clara.corpora import _files
from clara.prepare.run import prepare
from clara.records import Entry
from clara.shards import Index
from clara.text.phrases import captions

Miniature = Callable[[str], Path]
Read = Callable[[str], dict[str, Entry]]


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
    refused("macs", root, r"YAML at .* references")
    (root / "MACS.yaml").write_text("files: [{filename: [a.wav], annotations: []}]")
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
