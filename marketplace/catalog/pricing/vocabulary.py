"""Every word that the reader understands beside the names of money, in the languages that sellers mix."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


def word_set(words: str) -> frozenset[str]:
    """The words of a line, parted by spaces."""
    return frozenset(words.split())


class Meaning(NamedTuple):
    """What a word does in a price: its kind, and the value it carries."""

    kind: str
    value: Any = None


# Units that goods are sold by, each with the words for it; the first is how it is written again.
SALE_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "kg": "kg kgs kilo kilos kilogram kilograms kilogramme ኪሎ ኪግ kilogramu",
        "g": "g gm gms gr gram grams gramme grammes gramu ግራም",
        "l": "l lt ltr ltrs litre litres liter liters lita ሊትር",
        "ml": "ml mls cl millilitre millilitres",
        "tonne": "tonne tonnes ton tons tani",
        "quintal": "quintal quintals ኩንታል",
        "metre": "metre metres meter meters mtr mtrs mita mètre mètres ሜትር",
        "yard": "yard yards yd yds",
        "foot": "foot feet ft",
        "piece": "piece pieces pc pcs pce pisi kipande vipande unit units item items pièce pièces unité unités ፍሬ",
        "pair": "pair pairs pr prs jozi paire paires ጥንድ",
        "dozen": "dozen dozens doz dz dazeni dazani dozan douzaine douzaines ደርዘን",
        "bale": "bale bales bela mtumba balle balles",
        "sack": "sack sacks gunia magunia sac sacs ጆንያ",
        "debe": "debe madebe",
        "gorogoro": "gorogoro",
        "crate": "crate crates kreti krate casier casiers ሳጥን",
        "tray": "tray trays trei treyi plateau plateaux",
        "carton": "carton cartons ctn ctns katoni ካርቶን",
        "box": "box boxes boksi",
        "packet": "packet packets pkt pkts pakiti sachet sachets paquet paquets",
        "pack": "pack packs",
        "bundle": "bundle bundles",
        "bunch": "bunch bunches mkungu",
        "heap": "heap heaps fungu mafungu tas",
        "set": "set sets seti",
        "roll": "roll rolls rola rouleau rouleaux",
        "bag": "bag bags",
        "bottle": "bottle bottles chupa bouteille bouteilles",
        "tin": "tin tins kopo makopo boîte boîtes",
        "bucket": "bucket buckets ndoo seau seaux",
        "jerrycan": "jerrycan jerrycans jerican mtungi bidon bidons",
        "plate": "plate plates sahani assiette",
        "basket": "basket baskets panier",
        "olonka": "olonka",
        "mudu": "mudu",
        "derica": "derica",
        "paint": "paint rubber",
        "head": "head kichwa",
        "person": "person people pax mtu personne",
        "day": "day siku jour ቀን",
        "night": "night usiku nuit nuitée",
        "week": "week wiki semaine",
        "month": "month mwezi mois ወር",
        "hour": "hour hr saa heure ሰዓት",
        "acre": "acre ekari",
        "trip": "trip",
    }
)  # fmt: skip
# Units that need no "per" in front of an amount to be what it is for: "debe 1,800".
BULK_UNITS = word_set(
    "kg tonne quintal dozen bale sack debe gorogoro crate carton bundle heap jerrycan olonka mudu derica"
)
# Units whose number in front is a size or a count and never an amount, but also not what the amount is for.
UNSOLD_UNITS = word_set("person day night week month hour acre foot pack plate box bag basket set trip head paint")
# Words after a number that make it the size of a thing, its age, a count or an hour, never an amount.
MEASURES = word_set(
    "ah amp amps inc mg cm cms mm km inch inches inchi gb mb tb mp mpx mah w watt watts kw kwh v volt volts va "
    "kva hz mhz ghz btu hp cc psi oz lb lbs fl sqm sqft yr yrs year years yo mwaka miaka mos mth mths months "
    "weeks wks days siku hours hrs min mins minutes sec secs am pm seater seaters burner burners door doors "
    "bedroom bedrooms bdrm st nd rd th core cores gen ply ways way speed step steps tier tiers layer layers "
    "star stars colour colours color colors fps views view followers likes orders sold left remaining available "
    "reviews ratings ans jours pouces xl xxl xxxl gsm tablets capsules karat carat ct"
)
_NUMBERS = {
    **dict.fromkeys(("one", "moja", "አንድ"), 1),
    **dict.fromkeys(("two", "mbili", "deux", "ሁለት"), 2),
    **dict.fromkeys(("three", "tatu", "trois", "ሦስት", "ሶስት"), 3),
    **dict.fromkeys(("four", "nne", "quatre", "አራት"), 4),
    **dict.fromkeys(("five", "tano", "cinq", "አምስት"), 5),
    **dict.fromkeys(("six", "sita", "ስድስት"), 6),
    **dict.fromkeys(("seven", "saba", "sept"), 7),
    **dict.fromkeys(("eight", "nane", "huit"), 8),
    **dict.fromkeys(("nine", "tisa", "neuf"), 9),
    **dict.fromkeys(("ten", "kumi", "dix", "አስር"), 10),
    "twelve": 12,
    "ishirini": 20,
    "thelathini": 30,
    "arobaini": 40,
    "hamsini": 50,
    "sitini": 60,
    "sabini": 70,
    "themanini": 80,
    "tisini": 90,
}
_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "per": "per kwa par kila every በ",
        "each": "each ea apiece chacun chacune እያንዳንዱ",
        "a": "a an la le l'",
        "for": "for pour",
        "of": "of de ya",
        "to": "to till until hadi mpaka à እስከ",
        "and": "and na & et እና",
        "between": "between btw btwn kati entre",
        "from": "from frm starting starts start begins beginning kuanzia kuanza partir dès ከ",
        "upwards": "upwards upward above up kuendelea onwards ጀምሮ",
        "was": "was before previously formerly prev ilikuwa zamani badala avant lieu instead slashed reduced dropped"
        " marked rrp mrp ነበር ነበረ",
        "soft_was": "old usual usually normal normally regular original originally initial initially",
        "now": "now sasa maintenant አሁን offer ofa sale promo promotion special discounted soldé deal today leo"
        " clearance flash",
        "wholesale": "wholesale wholesales jumla gros ጅምላ በጅምላ w/s",
        "retail": "retail rejareja reja détail detail ችርቻሮ በችርቻሮ",
        "price": "price prices pricing bei prix ዋጋ cost costs only at just tu pekee ብቻ seulement goes going costing"
        " selling asking inauzwa pay amount gharama @",
        "ask": "dm dms inbox poa ask enquire inquire enquiry wasiliana uliza nicheki contact contacts"
        " negotiable négociable maelewano request demande"
        " contactez consulter message msg quote quotation devis ያነጋግሩ ያናግሩ ይጠይቁ ይደውሉ pm mp",
        "phone": "call calls calling whatsapp watsapp whatsap tel telephone phone simu piga pigia sms text mobile"
        " cell hotline ስልክ appelez appeler 📞 ☎",
        "id": "model code ref lot no nos number namba numero till paybill account acc acct stock qty order sku shop"
        " stall floor room house plot road street page iphone galaxy note redmi series version chapter grade class bus"
        " route infinix tecno ps playstation serial since year ram rom #",
        "size": "size sizes sz saizi taille pointure eu uk us ቁጥር waist",
        "aside": "delivery deliveries shipping transport deposit save saves discount punguzo off livraison fee fees"
        " remise delivered courier booking installation postage cashback",
        "min": "min minimum moq least",
        "free": "free bure gratuit ነፃ",
        "buy": "buy get nunua pata",
    }
)
_TIMES = {
    "k": 3,
    "thousand": 3,
    "thousands": 3,
    "thou": 3,
    "grand": 3,
    "elfu": 3,
    "alfu": 3,
    "thao": 3,
    "mille": 3,
    "mil": 3,
    "ሺ": 3,
    "ሺህ": 3,
    "hundred": 2,
    "mia": 2,
    "መቶ": 2,
    "soo": 2,
    "laki": 5,
    "m": 6,
    "million": 6,
    "millions": 6,
    "mn": 6,
    "milioni": 6,
    "ሚሊዮን": 6,
}
# Said before their number in Swahili: "elfu mbili", "mia tano", "laki moja".
SPOKEN_BEFORE = frozenset({"elfu", "alfu", "mia", "soo", "laki", "milioni"})
# Said on their own where there is no price.
NO_PRICE = frozenset({"", "n/a", "na", "none", "null", "nil", "-", "--", "tba", "tbd", "no price", "hakuna bei"})


def _vocabulary() -> Mapping[str, Meaning]:
    meanings: dict[str, Meaning] = {}
    for kind, words in _KINDS.items():
        meanings.update({word: Meaning(kind) for word in words.split()})
    for unit, words in SALE_UNITS.items():
        meanings.update({word: Meaning("unit", unit) for word in words.split()})
    meanings.update({word: Meaning("spoken", value) for word, value in _NUMBERS.items()})
    meanings.update({word: Meaning("times", power) for word, power in _TIMES.items()})
    meanings.update(
        {f"በ{word}": Meaning("perunit", unit) for unit, words in SALE_UNITS.items() for word in words.split()}
    )
    return MappingProxyType(meanings)


VOCABULARY = _vocabulary()
