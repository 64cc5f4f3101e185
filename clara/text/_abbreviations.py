"""Words that a full stop belongs to, by language, and other facts that `sentences` goes by.

Behind those in front it is never the end of a sentence; behind those in brackets it is none before
a number. What may as well end a sentence ("etc.", "usw.") is not here: such a stop is one where a
capital follows. Neither are single letters, nor letters with stops between them ("z.B.").
"""

from __future__ import annotations

ABBREVIATIONS = {
    "": "dr prof st vs cf [no nr p pp vol fig art]",
    "af": "dr prof mnr mev mej ds bv nl dws ens [nr bl]",
    "ca": "sr sra srta dr dra prof av núm pl st sta [núm pàg art cap vol]",
    "cs": "p sl mgr ing dr prof doc mudr judr phdr rndr bc gen plk sv tj tzv např resp popř tzn "
    "zejm cca ul nám atp [č čís str obr tab odst s]",
    "cy": "mr mrs dr parch st e.e h.y [rhif t tt]",
    "da": "hr fr dr prof kl ca f.eks bl bl.a dvs mht pga ift evt inkl osv jf [nr s st kap §]",
    "de": "hr fr hrn dr prof dipl ing st str bzw ca vgl evtl ggf inkl exkl sog bspw gem geb "
    "gest jmd jmdn mind zzgl abzgl allg b.w mag msgr frl tel [nr s bd abs art kap abb tab "
    "nrn hs jg §]",
    "el": "κ κα κος κυρ δρ καθ π.χ δηλ βλ λ.χ αγ στρ [αρ σελ αρθρ τηλ]",
    "en": "mr mrs ms mx dr prof rev hon gen col maj capt lt sgt cpl st mt messrs mme mlle sen "
    "rep gov pres vs cf viz approx dept univ assn bros e.g i.e fr supt [no nos vol vols p "
    "pp fig figs sec ch art eq ex jan feb mar apr jun jul aug sep sept oct nov dec]",
    "eo": "s-ro s-ino d-ro prof ekz t.e ktp [n-ro p]",
    "es": "sr sra srta sres dr dra prof d dña ud uds vd vds av avda gral cnel lic ing arq fr "
    "p.ej ej aprox sta sto [núm nº pág págs vol art tel fig]",
    "et": "hr pr dr prof st s.o nt näit jt vt u ca mag tn [nr lk]",
    "eu": "jn and dr prof adib etab [zk or orr art]",
    "fi": "hra rva tri prof toht esim mm ns ts ks vrt yms nk n ko ao eo [nro s siv puh]",
    "fr": "m mm mme mmes mlle dr pr mgr st ste av bd cf env ex apr av.j.-c p.ex c.-à-d [n no "
    "nos p pp vol art fig chap tél]",
    "ga": "tuas dr r.c m.sh [uimh lch]",
    "hr": "g gđa gdin dr prof mr sv tj tzv npr odn ul o.g inž dipl [br str sl tab čl]",
    "hu": "dr prof ifj özv pl ún kb vö ill szt gr u.i tkp [sz o old fsz]",
    "id": "dr drs ir prof h hj tn ny sdr sdri jl jln a.n u.p [no hal]",
    "is": "hr fr dr próf sr t.d þ.e m.a o.s.frv sbr [nr bls]",
    "it": "sig sigg sig.ra dott dott.ssa prof prof.ssa avv ing arch geom on mons s ss ecc.mo ca "
    "cfr p.es es v.le p.zza [n nr p pp pag pagg vol art fig tel]",
    "ka": "ბ-ნი ქ-ნი პროფ აკად ე.ი ე.წ [გვ ტ]",
    "kk": "т.б т.с.с проф акад ж [б №]",
    "lt": "p pn dr prof doc akad gyd kun pvz t.y vad žr gen pulk šv g [nr psl pav str]",
    "lv": "dr prof doc akad piem t.i t.s sk plkst kr k-gs k-dze u.tml [nr lpp]",
    "mk": "г г-ѓа г-ца д-р проф инж св т.е т.н ул [бр стр сл]",
    "mt": "is-sur is-sra dr prof eż p.eż [nru p]",
    "nl": "dhr mevr mw dr drs ir ing prof mr ds st bijv nl d.w.z m.n o.a resp evt incl excl ca "
    "vgl zgn jl [nr blz p art fig hfst]",
    "no": "hr fr dr prof st kl ca f.eks bl bl.a dvs jf evt inkl pga ift [nr s kap]",
    "pl": "dr hab prof mgr inż lek doc ks gen płk mjr kpt św bł ul al pl os np tzn tzw tj m.in "
    "ww br wg zob im hr np [nr str s t ryc rys tab poz art ust pkt godz r w]",
    "pt": "sr sra srs srta dr dra prof profa eng arq d exmo exma av r p.ex ex aprox gen cap sto "
    "sta [nº n pág págs vol art fig tel]",
    "ro": "dl dna dra dr prof ing gen col sf str bd ș.a d.hr î.hr cca [nr pag p art fig tel]",
    "ru": "г г-н г-жа гр проф акад доц св им ул пер пл обл р-н т.е т.к т.н т см ср напр тов рис "
    "см. [г гг в вв д кв стр с п пп гл табл № ст тел]",
    "sk": "p sl mgr ing dr prof doc mudr judr phdr bc gen sv tj tzv napr resp popr ul nám cca "
    "[č čís str obr tab ods s]",
    "sl": "g ga gdč dr prof mag inž sv tj t.i npr oz ul cca [št str sl čl]",
    "sq": "z znj zt dr prof inxh p.sh dmth shën rr [nr f fq]",
    "sr": "г гђа д-р проф мр инж св тј тзв нпр ул g gđa dr prof sv tj npr [бр стр br str]",
    "sv": "hr fr dr prof st kl ca t.ex bl.a dvs d.v.s s.k fr.o.m t.o.m jfr resp inkl exkl [nr s "
    "sid kap]",
    "ta": "திரு திருமதி டாக்டர் செல்வி [எண் பக்]",
    "tr": "dr prof doç yrd av bay bn bknz bkz sn sok cad mah apt örn hz alb gen [no s nr sf]",
    "uk": "м пан проф акад доц св ім вул пров пл обл р-н т.зв див пор напр о.о [р рр с стор ст "
    "гл буд кв ч табл рис тел]",
    "vi": "tp ts ths gs pgs bs ks tx q p tt vd [số]",
}
SAME = {"nb": "no", "nn": "no", "bs": "hr", "ms": "id", "ky": "kk", "gl": "pt", "lb": "de"}

# Where a number with a full stop is an ordinal ("3. 5. 2020").
ORDINALS = frozenset(
    """
    az bs cs da de dsb et fi fo hr hsb hu is lb lt lv mk nb nn no pl sk sl sq sr tr
    """.split()  # noqa: SIM905
)
# Nouns have capitals in these, so that a capital behind a number says little; this before it does.
CAPITALS = frozenset({"de", "lb"})
BEFORE_ORDINALS = frozenset(
    """
    am ab an auf bei beim bis das dem den der des die ein eine einem einer im in ihr ihre ihrem
    jeden jeder mein sein seine seinem seinen seit und unser vom von zum zur
    """.split()  # noqa: SIM905
)
# Behind initials such as "U.S." these begin a sentence rather than go on with a name.
STARTERS = frozenset(
    """
    A After An And As At But For He His How However I If In It Its My No Our She So That The
    Their Then There These They This Those To We What When Where While Who Why You Your
    """.split()  # noqa: SIM905
)
