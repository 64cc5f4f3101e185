"""Codes of languages: BCP 47 has the shortest, models of MMS those of ISO 639-3."""

from __future__ import annotations

__all__ = ["shortest"]

_CODES = """
    afr:af amh:am ara:ar arb:ar asm:as aze:az azj:az azb:az bak:ba bel:be bul:bg bam:bm ben:bn
    bod:bo bre:br cat:ca cos:co ces:cs chv:cv cym:cy dan:da deu:de div:dv dzo:dz ewe:ee ell:el
    eng:en epo:eo spa:es est:et ekk:et eus:eu fas:fa pes:fa ful:ff fin:fi fao:fo fra:fr fry:fy
    gle:ga gla:gd glg:gl grn:gn gug:gn guj:gu hau:ha heb:he hin:hi hrv:hr hat:ht hun:hu hye:hy
    ind:id ibo:ig isl:is ita:it jpn:ja jav:jv kat:ka kaz:kk khm:km kan:kn kor:ko kur:ku kir:ky
    ltz:lb lug:lg lin:ln lao:lo lit:lt lav:lv lvs:lv mlg:mg plt:mg mri:mi mkd:mk mal:ml mon:mn
    khk:mn mar:mr msa:ms zlm:ms zsm:ms mlt:mt mya:my nep:ne npi:ne nld:nl nor:no nob:nb nno:nn
    nya:ny oci:oc orm:om ori:or ory:or oss:os pan:pa pol:pl pus:ps por:pt que:qu run:rn ron:ro
    rus:ru kin:rw san:sa snd:sd sag:sg sin:si slk:sk slv:sl smo:sm sna:sn som:so sqi:sq srp:sr
    ssw:ss sot:st sun:su swe:sv swa:sw swh:sw tam:ta tel:te tgk:tg tha:th tir:ti tuk:tk tgl:tl
    tsn:tn ton:to tur:tr tso:ts tat:tt twi:tw uig:ug ukr:uk urd:ur uzb:uz uzn:uz ven:ve vie:vi
    wol:wo xho:xh yid:yi yor:yo zha:za zho:zh cmn:zh zul:zu
"""
_TWO = {three: two for three, _, two in (pair.partition(":") for pair in _CODES.split())}


def shortest(code: str) -> str:
    """The code that BCP 47 has for a language: two letters where there are some, or else three.

    Args:
        code: Of ISO 639, of two or three letters; what stands behind it ("-script_arabic") is left
            away.

    >>> shortest("pol"), shortest("uig-script_arabic"), shortest("pl"), shortest("ceb")
    ('pl', 'ug', 'pl', 'ceb')
    """
    bare = code.partition("-")[0].partition("_")[0].lower()
    return _TWO.get(bare, bare)
