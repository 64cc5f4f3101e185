"""English names of languages, for sentences such as "Polish speaker"."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["LANGUAGES", "language_name"]

_TABLE = """
    ab Abkhaz, af Afrikaans, am Amharic, an Aragonese, ar Arabic, as Assamese, ast Asturian,
    az Azerbaijani, ba Bashkir, bas Basaa, be Belarusian, bg Bulgarian, bn Bengali, bo Tibetan,
    bpy Bishnupriya, br Breton, bs Bosnian, ca Catalan, chr Cherokee, ckb Central Kurdish,
    cmn Mandarin, cnh Hakha Chin, crh Crimean Tatar, cs Czech, cv Chuvash, cy Welsh, da Danish,
    de German, dv Divehi, el Greek, en English, eo Esperanto, es Spanish, et Estonian, eu Basque,
    fa Persian, fi Finnish, fo Faroese, fr French, fy Frisian, ga Irish, gd Scottish Gaelic,
    gl Galician, gn Guarani, grc Ancient Greek, gu Gujarati, ha Hausa, hak Hakka, haw Hawaiian,
    he Hebrew, hi Hindi, hr Croatian, hsb Upper Sorbian, ht Haitian Creole, hu Hungarian,
    hy Armenian, ia Interlingua, id Indonesian, ig Igbo, io Ido, is Icelandic, it Italian,
    ja Japanese, jbo Lojban, jv Javanese, ka Georgian, kaa Karakalpak, kab Kabyle, kk Kazakh,
    kl Greenlandic, km Khmer, kmr Northern Kurdish, kn Kannada, ko Korean, kok Konkani,
    ku Kurdish, ky Kyrgyz, la Latin, lb Luxembourgish, lfn Lingua Franca Nova, lg Luganda,
    ln Lingala, lo Lao, lt Lithuanian, ltg Latgalian, lv Latvian, mdf Moksha, mg Malagasy,
    mhr Meadow Mari, mi Maori, mk Macedonian, ml Malayalam, mn Mongolian, mr Marathi,
    mrj Hill Mari, ms Malay, mt Maltese, my Burmese, myv Erzya, nb Norwegian, nci Nahuatl,
    ne Nepali, nl Dutch, nn Norwegian, no Norwegian, nog Nogai, oc Occitan, om Oromo, or Odia,
    pa Punjabi, pap Papiamento, pl Polish, ps Pashto, pt Portuguese, qu Quechua, quc Kiche,
    rm Romansh, ro Romanian, ru Russian, rup Aromanian, rw Kinyarwanda, sa Sanskrit, sah Yakut,
    sat Santali, sc Sardinian, sd Sindhi, si Sinhala, sjn Sindarin, sk Slovak, sl Slovenian,
    smj Lule Sami, sn Shona, so Somali, sq Albanian, sr Serbian, st Sotho, su Sundanese,
    sv Swedish, sw Swahili, ta Tamil, te Telugu, tg Tajik, th Thai, ti Tigrinya, tig Tigre,
    tk Turkmen, tl Tagalog, tn Tswana, tok Toki Pona, tr Turkish, tt Tatar, tw Twi, ug Uyghur,
    uk Ukrainian, ur Urdu, uz Uzbek, vi Vietnamese, vot Votic, xh Xhosa, yi Yiddish, yo Yoruba,
    yue Cantonese, zh Chinese, zu Zulu
"""

LANGUAGES: Mapping[str, str] = dict(
    row.strip().split(" ", maxsplit=1) for row in " ".join(_TABLE.split()).split(",")
)


def language_name(tag: str) -> str:
    """The English name of a language, or "" if it is not one of `LANGUAGES`.

    Args:
        tag: BCP 47 tag in either case; what follows the language ("-CN") is not looked at.

    >>> language_name("zh-CN"), language_name("tlh")
    ('Chinese', '')
    """
    return LANGUAGES.get(tag.replace("_", "-").partition("-")[0].lower(), "")
