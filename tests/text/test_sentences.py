"""Text of many languages falls into its sentences, and nothing of it is lost."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clara.text import multilingual
from clara.text.sentences import sentences

# Sentences as they are, by language; what parts them here is a line.
CASES = {
    "en": """
        Mr. Smith met Dr. J. R. Jones at 3.14 p.m. on Jan. 5 in the U.S. Capitol.
        He paid $5.50, i.e. 10% less!
        “Really?” she asked.
        See fig. 3 and www.example.com/a.b?c=d or mail me@x.org.
        He lives in the U.S.
        This is known...
        Well... maybe not.
        (Is it? he wondered.)
        Neither do I.
        They sell bread, milk, etc.
        The shop is No. 5.
        Wait!!
        What?!
        "Go!"
        "No!"
    """,
    "de": """
        Am 3. Mai 2020 kam Dr. Ott z. B. um 8.30 Uhr an.
        Das kostet ca. 3,50 Euro bzw. nichts.
        Sie wurde 3.
        Er ist im 19. Jahrhundert geboren, d. h. früh.
        „Kommst du?“, fragte sie.
        »Ja!«
        Nr. 7 ist hier usw.
        Danach ging er.
    """,
    "fr": """
        M. Dupont et Mme Leroy, c.-à-d. eux, sont là.
        Ça va ?
        « Venez ! » dit-il.
        « Non. »
        Voir p. 5, art. 3.
        C’est l’été, etc.
        Il pleut…
    """,
    "es": """
        El Sr. García vive en la Av. Central núm. 5.
        ¿Cómo está Ud. hoy?
        ¡Hola!
        ¿Qué?
        Bien.
    """,
    "pt": """
        O Dr. Silva é assim.
        Isso é o que é.
        A Sra. Lima mora na R. Augusta, n.º 3.
    """,
    "it": """
        Il sig. Rossi e la dott.ssa Bianchi arrivano.
        Com'è?
        Così è.
        Vedi pag. 12.
    """,
    "nl": """
        Dhr. Jansen woont d.w.z. hier, nr. 5.
        Drs. De Vries ook.
        Mooi!
    """,
    "sv": """
        Jag bor t.ex. i Lund, kl. 5.
        Det är bra.
    """,
    "da": """
        Hr. Hansen kom den 3. maj.
        Det var f.eks. godt.
    """,
    "fi": """
        Tulen 3. toukokuuta esim. junalla.
        Kiitos!
    """,
    "pl": """
        Prof. Nowak mieszka przy ul. Długiej 5 m. 3, np. od 1999 r.
        Tak!
        Dziś jest 3. dzień, tzn. środa.
        J. Kowalski i in. też.
    """,
    "cs": """
        Dne 3. května přijel např. pan Novák.
        Bylo to v 19. století.
        Datum je 3. 5. 2020.
    """,
    "hu": """
        1999. március 3. napján jött dr. Nagy.
        Jó napot!
    """,
    "tr": """
        Dr. Yılmaz 3. katta, Atatürk Cad. No. 5 adresinde.
        Öyle mi?
    """,
    "ru": """
        В 1999 г. он жил на ул. Ленина, д. 5.
        Это я.
        Т. е. всё и т. д.
        — Да? — спросил он.
        См. рис. 3.
        А. С. Пушкин родился в г. Москве.
    """,
    "uk": """
        Проф. Іваненко живе в м. Києві на вул. Хрещатик, буд. 5.
        Добрий день!
    """,
    "el": """
        Τι κάνεις;
        Ο κ. Παπαδόπουλος είναι εδώ.
        Πού είσαι;
        Εδώ· όχι εκεί.
    """,
    "hy": """
        Բարեւ ձեզ։
        Ինչպե՞ս եք։
        Լավ եմ։
    """,
    "ka": """
        გამარჯობა.
        როგორ ხარ?
        კარგად.
    """,
    "ar": """
        كيف حالك؟
        أنا بخير، شكراً.
        قال د. أحمد كلمة!
    """,
    "fa": """
        حال شما چطور است؟
        من خوبم.
    """,
    "ur": """
        یہ کتاب ہے۔
        کیا حال ہے؟
        ٹھیک ہے۔
    """,
    "he": """
        מה שלומך?
        אני בסדר.
    """,
    "hi": """
        यह मेरा घर है।
        क्या आप आ रहे हैं?
        हाँ।
        राम राम ॥
    """,
    "bn": """
        আমি ভাত খাই।
        তুমি কেমন আছ?
    """,
    "ta": """
        நான் வீட்டில் இருக்கிறேன்.
        எப்படி இருக்கிறீர்கள்?
    """,
    "am": """
        ሰላም ነው።
        እንዴት ነህ፧
        ደህና ነኝ፡፡
        አመሰግናለሁ።
    """,
    "my": """
        မင်္ဂလာပါ။
        နေကောင်းလား၊ ကောင်းပါတယ်။
    """,
    "km": """
        សួស្តី។
        តើអ្នកសុខសប្បាយទេ?
    """,
    "bo": """
        བཀྲ་ཤིས་བདེ་ལེགས། །
        ཐུགས་རྗེ་ཆེ།
    """,
    "vi": """
        Xin chào!
        Tôi sống ở TP. Hồ Chí Minh.
    """,
    "ko": """
        안녕하세요.
        어디에 가세요?
    """,
    "eo": """
        D-ro Zamenhof naskiĝis ekz. en Bjalistoko.
        Saluton!
    """,
}
# These put nothing between sentences.
UNSPACED = {
    "zh": "你好！|今天是3.5度。|他说：“我们走吧。”|真的吗？！|好的……|是的!|我们走.|再见",
    "ja": "今日は晴れです。|「行こう。」と言った。|本当？|はい！|『それは（多分）違う。』|終わり",
}


@pytest.mark.parametrize("language", CASES)
def test_sentences_of_a_language(language: str):
    expected = [line.strip() for line in CASES[language].strip().splitlines()]
    found = sentences(" ".join(expected), language)
    assert found == expected


@pytest.mark.parametrize("language", UNSPACED)
def test_sentences_without_spaces(language: str):
    expected = UNSPACED[language].split("|")
    assert sentences("".join(expected), language) == expected


def test_thai_and_lao_are_cut_at_spaces_where_enough_is_said():
    first, second = "วันนี้อากาศดีมากเราไปเดินเล่นที่สวนสาธารณะกัน", "พรุ่งนี้ฝนจะตกหนักมากทุกที่"
    assert sentences(f"{first} {second}", "th") == [first, second]
    assert sentences("ไป ไหน มา", "th") == ["ไป ไหน มา"]
    assert sentences(f"{first} 25 บาท {second}", "th") == [f"{first} 25 บาท", second]
    assert sentences(f"{first} ๆ {second}", "th") == [f"{first} ๆ", second]
    lao = ["ມື້ນີ້ອາກາດດີຫຼາຍພວກເຮົາໄປຍ່າງຫຼິ້ນຢູ່ສວນ", "ມື້ອື່ນຝົນຈະຕົກໜັກຫຼາຍທຸກບ່ອນ"]
    assert sentences(" ".join(lao), "lo") == lao


@pytest.mark.parametrize("language", multilingual.languages("sentences"))
def test_everyday_sentences_come_back_one_by_one(language: str):
    said = multilingual.sentences(language)
    found = sentences(("" if language in ("zh", "ja", "th") else " ").join(said), language)
    if language == "th":
        assert len(found) > len(said) / 3
    else:
        assert found == list(said)


def test_a_language_that_is_not_known_has_the_common_rules():
    assert sentences("Dr. Ott kam. Er ging.") == ["Dr. Ott kam.", "Er ging."]
    assert sentences("A. B. Ceh. De ef.", "xx-XX") == ["A. B. Ceh.", "De ef."]
    assert sentences("Das ist der 3. Platz. Gut.", "de-AT") == ["Das ist der 3. Platz.", "Gut."]


def test_blank_lines_items_and_titles_end_sentences():
    text = "A title\n\nFirst words\u2028second line\n\n\n\fpage\r\n\r\nlast"
    assert sentences(text) == ["A title", "First words", "second line", "page", "last"]
    listed = "Buy:\n- some milk\n- bread and a lot of butter for the whole week\n- 3. eggs\n"
    assert sentences(listed) == [
        "Buy:",
        "- some milk",
        "- bread and a lot of butter for the whole week",
        "- 3. eggs",
    ]
    assert sentences("1. Go home.\n2. Sleep well.") == ["1. Go home.", "2. Sleep well."]


def test_wrapped_lines_are_one_and_others_are_not():
    wrapped = "It was the best of times, it was the\nworst of times, it was the age of\nwisdom."
    assert sentences(wrapped) == [wrapped.replace("\n", " ")]
    lines = "dobry wieczór\ndo widzenia wam wszystkim\nnie ma za co\nproszę bardzo"
    assert sentences(lines, "pl") == lines.split("\n")
    assert sentences("今日は天気がいいので散歩に行きま\nした。そして帰った。", "ja") == [
        "今日は天気がいいので散歩に行きました。",
        "そして帰った。",
    ]


def test_what_is_too_long_is_cut_at_clauses_then_spaces_then_anywhere():
    clause = "a clause of some thirty letters, "
    found = sentences(clause * 20, longest=100)
    assert all(piece.endswith(",") and 60 < len(piece) <= 100 for piece in found)
    found = sentences("word " * 200, longest=99)
    assert {len(piece) for piece in found[:-1]} == {99}
    found = sentences("字" * 1000, "zh")
    assert [len(piece) for piece in found] == [240, 240, 240, 240, 40]
    found = sentences("文字がたくさん、" * 100, "ja", longest=50)
    assert all(piece.endswith("、") for piece in found)
    assert max(map(len, found)) <= 50


def test_no_letter_is_cut_from_its_marks():
    for text in ("ก็เ" * 300, "e\u0301\u0308" * 300, "👨\u200d👩" * 300, "स्त्री" * 200):
        pieces = sentences(text, longest=50)
        assert "".join(pieces) == text
        for piece in pieces[1:]:
            assert not unicodedata.category(piece[0]).startswith("M")
            assert piece[0] != "\u200d"
        assert not any(piece[-1] in "\u200dเ" for piece in pieces[:-1])


@pytest.mark.parametrize("text", ["", " ", "\n\n", "...", "?! …", "\0", "\u200b", "。。。", "»"])
def test_nothing_said(text: str):
    found = sentences(text)
    assert squeezed("".join(found)) == squeezed(text)
    assert len(found) <= 1


def squeezed(text: str) -> str:
    return "".join(text.split())


ALPHABET = st.characters(codec="utf-8") | st.sampled_from(
    list("..!?…;:,\"'”»」)(«„ \n\u00a0。！？।၊።፡།؟։ ៕aAбЯ字かก่เ1९ ")
)


@settings(max_examples=300, deadline=None)
@given(st.text(ALPHABET, max_size=200), st.sampled_from(["", "en", "de", "zh", "th", "el"]))
def test_nothing_is_lost_and_nothing_is_empty(text: str, language: str):
    found = sentences(text, language, longest=30)
    assert squeezed("".join(found)) == squeezed(text)
    assert all(piece and piece == piece.strip() for piece in found)
    assert all(len(piece) <= 30 for piece in found)


@pytest.mark.parametrize(
    "unit",
    [
        *(
            ".",
            ". ",
            "a.",
            "a. ",
            "A. ",
            '."',
            '. "',
            ".)",
            "! »",
            "1. ",
            "( ",
            "\n",
            "\n\n",
            "- \n",
        ),
        *(
            ":",
            "α;",
            "。",
            "。」と",
            "། ",
            "ก ",
            "ๆ ",
            "ab, ",
            "x",
            "\u0301",
            "\u200d",
            "Mr. ",
            "e.g. ",
        ),
        *("...", " .", "፡፡", "\u2028", "word\n", "?!", "'", "¿"),
    ],
)
def test_the_time_is_linear_in_whatever_is_given(unit: str):
    def took(count: int) -> float:
        text = unit * (count // len(unit))
        began = time.process_time()
        sentences(text, "en")
        return time.process_time() - began

    took(1000)
    # Were it quadratic, sixteen times the text would take 256 times as long.
    assert took(96_000) < 0.1 + 60 * min(took(6_000) for _ in range(3))
