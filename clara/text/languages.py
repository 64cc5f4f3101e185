"""English names of languages, for sentences such as "Polish speaker"."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["LANGUAGES", "language_name"]

_TABLE = """
    ab Abkhaz, abb Bankon, ace Acehnese, ady Adyghe, af Afrikaans, ajg Adja, am Amharic,
    an Aragonese, ar Arabic, arn Mapudungun, as Assamese, ast Asturian, az Azerbaijani,
    azz Highland Puebla Nahuatl, ba Bashkir, bag Tuki, bal Balochi, bas Basaa, bax Bamun,
    bba Baatonum, bbj Ghomala, bbl Bats, bce Bamenyam, bci Baoule, be Belarusian, beb Bebele,
    bew Betawi, bfd Bafut, bft Balti, bg Bulgarian, bgp Eastern Balochi, bin Edo, bkh Bakoko,
    bkm Kom, bm Bambara, bn Bengali, bnm Batanga, bnn Bunun, bo Tibetan, bpy Bishnupriya,
    br Breton, brh Brahui, bri Mokpwe, bs Bosnian, bsh Kateviri, bsk Burushaski, btv Bateri,
    bum Bulu, bxk Bukusu, bxr Buryat, byv Medumba, ca Catalan, cak Kaqchikel, cdo Eastern Min,
    cgg Chiga, chr Cherokee, cjk Chokwe, ckb Central Kurdish, cmn Mandarin, cnh Hakha Chin,
    co Corsican, cpx Pu-Xian Min, cpy South Ucayali Asheninka, crh Crimean Tatar, cs Czech,
    cut Teutila Cuicatec, cux Tepeuxila Cuicatec, cv Chuvash, cy Welsh, da Danish, dag Dagbani,
    dar Dargwa, dav Taita, de German, dmk Domaaki, dml Dameli, dru Rukai, dsb Lower Sorbian,
    dua Duala, dv Divehi, dyu Dyula, ebr Ebrie, ee Ewe, eko Koti, el Greek, en English,
    eo Esperanto, es Spanish, esu Central Yupik, et Estonian, eto Eton, eu Basque, ewo Ewondo,
    fa Persian, fan Fang, ff Fulah, fi Finnish, fmp Fefe, fo Faroese, fr French,
    fub Adamawa Fulfulde, fue Borgu Fulfulde, fy Frisian, ga Irish, gaa Ga, gd Scottish Gaelic,
    gej Gen, ggg Gurgula, gid Gidar, gig Goaria, giz South Giziga, gjk Kachi Koli, gju Gujari,
    gl Galician, gn Guarani, gom Goan Konkani, grc Ancient Greek, gsw Swiss German, gu Gujarati,
    guc Wayuu, gv Manx, gwc Gawri, gwt Gawarbati, gya Northwest Gbaya, ha Hausa, hak Hakka,
    haw Hawaiian, haz Hazaragi, hch Huichol, he Hebrew, hem Hemba, hi Hindi, hil Hiligaynon,
    hna Mina, hno Northern Hindko, hr Croatian, hsb Upper Sorbian, ht Haitian Creole,
    hu Hungarian, hux Huitoto, hy Armenian, hyw Western Armenian, ia Interlingua, ibb Ibibio,
    id Indonesian, ie Interlingue, ig Igbo, ii Yi, ik Inupiaq, io Ido, is Icelandic, it Italian,
    izh Ingrian, ja Japanese, jbo Lojban, jgo Ngomba, jiv Shuar, jqr Jaqaru, jv Javanese,
    ka Georgian, kaa Karakalpak, kab Kabyle, kbd Kabardian, kcn Nubi, kdh Tem, kfr Kachhi,
    khw Khowar, kk Kazakh, kl Greenlandic, kln Kalenjin, kls Kalasha, km Khmer,
    kmr Northern Kurdish, kn Kannada, ko Korean, koi Komi-Permyak, kok Konkani, kpv Komi,
    ksf Bafia, ku Kurdish, kv Komi, kvx Parkari Koli, kw Cornish, kxp Wadiyara Koli, ky Kyrgyz,
    la Latin, lb Luxembourgish, led Lendu, lfn Lingua Franca Nova, lg Luganda, lij Ligurian,
    lke Kenyi, lld Ladin, ln Lingala, lo Lao, lrk Loarki, lss Lasi, lt Lithuanian, ltg Latgalian,
    lth Thur, lua Luba-Lulua, luo Luo, lus Mizo, luy Luyia, lv Latvian, lzh Literary Chinese,
    lzz Laz, mai Maithili, mau Huautla Mazatec, mbo Mbo, mcf Matses, mcn Masana, mcx Mpiemo,
    mdd Mbum, mdf Moksha, mfe Mauritian Creole, mg Malagasy, mhk Mungaka, mhr Meadow Mari,
    mi Maori, mk Macedonian, mki Dhatki, ml Malayalam, mmc Mazahua, mn Mongolian, mni Manipuri,
    mos Mossi, mr Marathi, mrj Hill Mari, ms Malay, mse Musey, mt Maltese, mua Mundang,
    mug Musgu, mve Marwari, mvy Indus Kohistani, mxu Mada, my Burmese, myv Erzya,
    nan Southern Min, nb Norwegian Bokmål, nci Nahuatl, ncx Central Puebla Nahuatl,
    nd North Ndebele, ne Nepali, nhe Eastern Huasteca Nahuatl, nhi Zacatlan Nahuatl, nia Nias,
    nl Dutch, nla Ngombale, nlv Orizaba Nahuatl, nmg Kwasio, nmz Nawdm, nn Norwegian Nynorsk,
    nnh Ngiemboon, no Norwegian, nog Nogai, nr South Ndebele, nso Northern Sotho, nv Navajo,
    ny Chichewa, nyn Nyankole, nyu Nyungwe, oc Occitan, odk Od, om Oromo, or Odia, oru Ormuri,
    os Ossetian, pa Punjabi, pap Papiamento, pcd Picard, pcm Nigerian Pidgin, pez Eastern Penan,
    phl Palula, phr Pahari-Potwari, pl Polish, plk Kohistani Shina, pne Western Penan, ppl Nawat,
    prq Asheninka Perene, ps Pashto, pt Portuguese, pua Purepecha, pwn Paiwan, qu Quechua,
    quc Kiche, qug Chimborazo Quichua, qup Southern Pastaza Quechua,
    qur Yanahuanca Pasco Quechua, qus Santiago del Estero Quichua, qux Yauyos Quechua,
    quy Ayacucho Quechua, quz Cusco Quechua, qva Ambo-Pasco Quechua, qvi Imbabura Quichua,
    qvj Loja Quichua, qvl Cajatambo Quechua, qwa Corongo Ancash Quechua,
    qws Sihuas Ancash Quechua, qxa Chiquian Ancash Quechua, qxp Puno Quechua,
    qxt Tusi Pasco Quechua, qxu Arequipa-La Union Quechua, qxw Jauja Quechua, rm Romansh,
    rn Rundi, ro Romanian, rof Rombo, ru Russian, ruc Ruuli, rup Aromanian, rw Kinyarwanda,
    rwm Amba, sa Sanskrit, sah Yakut, sat Santali, sbn Sindhi Bhil, sc Sardinian, scl Shina,
    scn Sicilian, sco Scots, sd Sindhi, sdo Bukar-Sadong, seh Sena, sei Seri, sg Sango,
    shi Tachelhit, si Sinhala, sjn Sindarin, sk Slovak, skr Saraiki, sl Slovenian, smj Lule Sami,
    sn Shona, snk Soninke, snv Sa'ban, so Somali, sq Albanian, sr Serbian, ss Swati, ssi Sansi,
    st Sotho, su Sundanese, sv Swedish, sva Svan, sw Swahili, syr Syriac, szl Silesian,
    szy Sakizaya, ta Tamil, tar Tarahumara, tay Atayal, te Telugu, tg Tajik, th Thai,
    ti Tigrinya, tig Tigre, tk Turkmen, tl Tagalog, tli Tlingit, tly Talysh, tn Tswana, tob Toba,
    tok Toki Pona, tr Turkish, trv Seediq, trw Torwali, ts Tsonga, tt Tatar, ttj Tooro,
    tui Tupuri, tvu Tunen, tw Twi, tyv Tuvan, uby Ubykh, udl Uldeme, udm Udmurt, ug Uyghur,
    uk Ukrainian, umb Umbundu, ur Urdu, ush Ushojo, uz Uzbek, var Huarijio, ve Venda,
    vec Venetian, vi Vietnamese, vmw Makhuwa, vot Votic, wbl Wakhi, wep Westphalian,
    wes Cameroon Pidgin, wo Wolof, xh Xhosa, xhe Khetrani, xka Kalkoti, xkl Kenyah,
    xmf Mingrelian, yaq Yaqui, yat Yambeta, yav Yangben, ydg Yidgha, yi Yiddish, yo Yoruba,
    yue Cantonese, za Zhuang, zgh Tamazight, zh Chinese, zoc Copainala Zoque, zu Zulu,
    zza Zazaki
"""

LANGUAGES: Mapping[str, str] = dict(
    row.strip().split(" ", maxsplit=1) for row in " ".join(_TABLE.split()).split(",")
)

# Where a corpus has several of one language, as Common Voice has, their sentences must differ.
_VARIETIES = {
    "el-cy": "Cypriot Greek",
    "rm-sursilv": "Sursilvan Romansh",
    "rm-vallader": "Vallader Romansh",
    "zh-hk": "Hong Kong Chinese",
    "zh-tw": "Taiwanese Mandarin",
}


def language_name(tag: str) -> str:
    """The English name of a language, or "" if it is not one of `LANGUAGES`.

    Args:
        tag: BCP 47 tag in either case. What follows the language ("-CN") counts only for varieties
            that corpora keep apart.

    >>> language_name("zh-CN"), language_name("rm-vallader"), language_name("tlh")
    ('Chinese', 'Vallader Romansh', '')
    """
    tag = tag.replace("_", "-").lower()
    return _VARIETIES.get(tag) or LANGUAGES.get(tag.partition("-")[0], "")
