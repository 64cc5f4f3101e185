"""NLLB-200 through transformers: 200 languages, any into any (the paper's appendix C).

NLLB Team, No Language Left Behind, 2022. Its codes are those of FLORES-200: ISO 639-3 and a script.
"""

from __future__ import annotations

from typing import Any

from clara.backends.translator._seq2seq import Codes, Seq2Seq

__all__ = ["NLLB"]

# A language of several codes is the variety that its tag means by itself (ar: Modern Standard).
_FLORES = """
    ace ace_Latn, af afr_Latn, ak aka_Latn, am amh_Ethi, ar arb_Arab, as asm_Beng, ast ast_Latn,
    ay ayr_Latn, az azj_Latn, ba bak_Cyrl, ban ban_Latn, be bel_Cyrl, bem bem_Latn, bg bul_Cyrl,
    bho bho_Deva, bjn bjn_Latn, bm bam_Latn, bn ben_Beng, bo bod_Tibt, bs bos_Latn, bug bug_Latn,
    ca cat_Latn, ceb ceb_Latn, cjk cjk_Latn, ckb ckb_Arab, crh crh_Latn, cs ces_Latn, cy cym_Latn,
    da dan_Latn, de deu_Latn, dyu dyu_Latn, dz dzo_Tibt, ee ewe_Latn, el ell_Grek, en eng_Latn,
    eo epo_Latn, es spa_Latn, et est_Latn, eu eus_Latn, fa pes_Arab, ff fuv_Latn, fi fin_Latn,
    fj fij_Latn, fo fao_Latn, fon fon_Latn, fr fra_Latn, fur fur_Latn, ga gle_Latn, gd gla_Latn,
    gl glg_Latn, gn grn_Latn, gu guj_Gujr, ha hau_Latn, he heb_Hebr, hi hin_Deva, hne hne_Deva,
    hr hrv_Latn, ht hat_Latn, hu hun_Latn, hy hye_Armn, id ind_Latn, ig ibo_Latn, ilo ilo_Latn,
    is isl_Latn, it ita_Latn, ja jpn_Jpan, jv jav_Latn, ka kat_Geor, kab kab_Latn, kam kam_Latn,
    kea kea_Latn, kg kon_Latn, ki kik_Latn, kk kaz_Cyrl, km khm_Khmr, kmr kmr_Latn, kn kan_Knda,
    ko kor_Hang, ks kas_Arab, ku kmr_Latn, ky kir_Cyrl, lb ltz_Latn, lg lug_Latn, li lim_Latn,
    lij lij_Latn, lmo lmo_Latn, ln lin_Latn, lo lao_Laoo, lt lit_Latn, ltg ltg_Latn, lua lua_Latn,
    luo luo_Latn, lus lus_Latn, lv lvs_Latn, mag mag_Deva, mai mai_Deva, mg plt_Latn, mi mri_Latn,
    min min_Latn, mk mkd_Cyrl, ml mal_Mlym, mn khk_Cyrl, mni mni_Beng, mos mos_Latn, mr mar_Deva,
    ms zsm_Latn, mt mlt_Latn, my mya_Mymr, nb nob_Latn, ne npi_Deva, nl nld_Latn, nn nno_Latn,
    no nob_Latn, nso nso_Latn, nus nus_Latn, ny nya_Latn, oc oci_Latn, om gaz_Latn, or ory_Orya,
    pa pan_Guru, pag pag_Latn, pap pap_Latn, pl pol_Latn, ps pbt_Arab, pt por_Latn, qu quy_Latn,
    quy quy_Latn, rn run_Latn, ro ron_Latn, ru rus_Cyrl, rw kin_Latn, sa san_Deva, sat sat_Beng,
    sc srd_Latn, scn scn_Latn, sd snd_Arab, sg sag_Latn, shn shn_Mymr, si sin_Sinh, sk slk_Latn,
    sl slv_Latn, sm smo_Latn, sn sna_Latn, so som_Latn, sq als_Latn, sr srp_Cyrl, ss ssw_Latn,
    st sot_Latn, su sun_Latn, sv swe_Latn, sw swh_Latn, szl szl_Latn, ta tam_Taml, te tel_Telu,
    tg tgk_Cyrl, th tha_Thai, ti tir_Ethi, tk tuk_Latn, tl tgl_Latn, tn tsn_Latn, tpi tpi_Latn,
    tr tur_Latn, ts tso_Latn, tt tat_Cyrl, tum tum_Latn, tw twi_Latn, ug uig_Arab, uk ukr_Cyrl,
    umb umb_Latn, ur urd_Arab, uz uzn_Latn, vec vec_Latn, vi vie_Latn, war war_Latn, wo wol_Latn,
    xh xho_Latn, yi ydd_Hebr, yo yor_Latn, yue yue_Hant, zgh tzm_Tfng, zh zho_Hans,
    zh-HK yue_Hant, zh-Hant zho_Hant, zh-TW zho_Hant, zu zul_Latn
"""
FLORES: Codes = {tag: code for row in _FLORES.split(",") for tag, code in (row.split(),)}


class NLLB(Seq2Seq):
    """Translates between the languages of FLORES-200 that have a tag here.

    Args:
        model: Folder, or name on the hub.
        device: Where it runs.
        batch: Texts at a time.
        beams: Width of the search.

    Raises:
        MissingExtraError: transformers or sentencepiece is not installed.
        CheckpointError: There is no such model, or it is of another kind.
    """

    def __init__(
        self,
        model: str = "facebook/nllb-200-distilled-600M",
        *,
        device: str = "cpu",
        batch: int = 16,
        beams: int = 4,
    ) -> None:
        super().__init__("nllb", model, _codes, device=device, batch=batch, beams=beams)


def _codes(tokenizer: Any) -> Codes:
    unknown = tokenizer.unk_token_id
    known = {code: tokenizer.convert_tokens_to_ids(code) for code in set(FLORES.values())}
    found = {tag: code for tag, code in FLORES.items() if known[code] not in (None, unknown)}
    if not found:
        raise ValueError("a tokenizer without the codes of FLORES-200")
    return found
