"""The words of the shop: plain data, no logic. Order matters: the generator draws from these by position."""

from typing import NamedTuple


class Country(NamedTuple):
    """One country's share of the customers and what its names, addresses and money look like."""

    code: str
    share: float
    currency: str
    language: str
    dial: str
    first: tuple[str, ...]
    last: tuple[str, ...]
    cities: tuple[str, ...]
    street: str


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Eight first names, eight family names and four cities each, so that one index formula serves every country.
COUNTRIES = (
    Country(
        code="PT",
        share=0.24,
        currency="EUR",
        language="pt",
        dial="+351",
        first=_words("Inês João Beatriz Tomás Conceição Martim Leonor Duarte"),
        last=_words("Silva Ferreira Magalhães Simões d'Ávila Nóbrega Araújo Brandão"),
        cities=("Comporta", "Lisboa", "Porto", "Évora"),
        street="Rua das Gaivotas",
    ),
    Country(
        code="ES",
        share=0.14,
        currency="EUR",
        language="es",
        dial="+34",
        first=_words("Lucía Iñigo Begoña Álvaro Nuria Ximena Mateo Aitor"),
        last=_words("García Núñez Ibáñez Muñoz Echeverría Peña Ordóñez Vázquez"),
        cities=("Madrid", "A Coruña", "Málaga", "Donostia / San Sebastián"),
        street="Calle del Olvido",
    ),
    Country(
        code="FR",
        share=0.12,
        currency="EUR",
        language="fr",
        dial="+33",
        first=_words("Chloé Théo Maëlle Anaïs Jean-Luc Éloïse Noé Zoé"),
        last=_words("Dupont L'Hôte Lefèvre Béranger Garçon D'Aubigné Faÿ Moreau"),
        cities=("Paris", "Saint-Étienne", "Nîmes", "L'Haÿ-les-Roses"),
        street="rue de l'Église",
    ),
    Country(
        code="DE",
        share=0.12,
        currency="EUR",
        language="de",
        dial="+49",
        first=_words("Jürgen Käthe Björn Heike Sören Annegret Uwe Zoë"),
        last=_words("Müller Weiß Schäfer Groß Vögele Krüger Özdemir Hoffmann"),
        cities=("Köln", "München", "Gießen", "Lübeck"),
        street="Straße des 17. Juni",
    ),
    Country(
        code="GB",
        share=0.10,
        currency="GBP",
        language="en",
        dial="+44",
        first=_words("Siobhan Alasdair Priya Oluwaseun Niamh Gethin Fatima Rupert"),
        last=_words("O'Brien Fitz-Gerald Patel Adeyemi MacLeod Llewellyn Khan Smith"),
        cities=("London", "King's Lynn", "Llanfair", "Glasgow"),
        street="Baker's Row",
    ),
    Country(
        code="US",
        share=0.10,
        currency="USD",
        language="en",
        dial="+1",
        first=_words("Dakota Jamal Mei Guadalupe Hank LaToya Tyler Noelani"),
        last=_words("Johnson Nguyen O'Neal Begaye Kamehameha Rodriguez Lee Kowalski"),
        cities=("Portland", "Coeur d'Alene", "St. Louis", "Honolulu"),
        street="Main St., Apt. #",
    ),
    Country(
        code="BR",
        share=0.08,
        currency="BRL",
        language="pt",
        dial="+55",
        first=_words("Thaís Caetano Iracema Antônio Luíza Moacir Vitória Zé"),
        last=_words("Souza Gonçalves Assunção Conceição Guimarães Falcão Batista Sant'Anna"),
        cities=("São Paulo", "Brasília", "Maceió", "Olho d'Água"),
        street="Av. Sete de Setembro",
    ),
    Country(
        code="PL",
        share=0.05,
        currency="PLN",
        language="pl",
        dial="+48",
        first=_words("Łucja Michał Świętosława Grażyna Paweł Żaneta Józef Zofia"),
        last=_words("Wiśniewska Wójcik Łukasiewicz Źrebiec Kowalczyk Dąbrowski Święcicki Nowak"),
        cities=("Łódź", "Kraków", "Gdańsk", "Rzeszów"),
        street="ul. Żółkiewskiego",
    ),
    Country(
        code="JP",
        share=0.03,
        currency="USD",
        language="ja",
        dial="+81",
        first=_words("陽子 健太 さくら 大輔 美咲 翔 ひなた 蓮"),
        last=_words("佐藤 鈴木 高橋 渡辺 山口 齋藤 森 井上"),
        cities=("東京", "大阪", "札幌", "京都"),
        street="青山通り",
    ),
    Country(
        code="SE",
        share=0.02,
        currency="EUR",
        language="sv",
        dial="+46",
        first=_words("Åsa Göran Linnéa Björn Sölve Märta Nils Ylva"),
        last=_words("Ångström Sjöberg Lindqvist Öhman Bäckström Nyström Åkesson Ek"),
        cities=("Malmö", "Göteborg", "Örebro", "Växjö"),
        street="Östra Hamngatan",
    ),
)
CURRENCY_RATES = {"EUR": 100, "GBP": 86, "USD": 109, "BRL": 587, "PLN": 428}  # hundredths of a unit per euro
EMAIL_DOMAINS = _words("example.com example.org mail.example.pt correo.example.es post.example.de posta.example")

TAG_SETS: tuple[tuple[str | None, ...], ...] = (
    (),
    (),
    (),
    ("newsletter",),
    ("newsletter", "loyalty"),
    ("wholesale",),
    ("early bird", "app"),
    ("app",),
    ("loyalty", None),
    (None,),
    ("gift, maybe", 'says "hi"'),
    ("summer-24", "app", "loyalty"),
    ("back\\slash",),
    ("café", "日本"),
    ("NULL",),
    ("",),
)
CHANNEL_SETS: tuple[tuple[str, ...], ...] = ((), ("email",), ("email", "sms"), ("push",), ("email", "push", "post"))

# top -> middle -> leaf -> nouns. The shop has 8 + 14 + 18 = 40 categories.
CATEGORY_TREE: dict[str, dict[str, dict[str, tuple[str, ...]]]] = {
    "Kitchen": {
        "Cookware": {"Pans": ("Pan", "Casserole", "Wok"), "Knives": ("Paring Knife", "Cleaver", "Bread Knife")},
        "Tableware": {"Ceramics": ("Bowl", "Plate", "Jug", "Salt Pig")},
    },
    "Home": {
        "Textiles": {"Blankets": ("Blanket", "Throw"), "Towels": ("Bath Towel", "Tea Towel")},
        "Lighting": {"Lamps": ("Desk Lamp", "Lantern", "Floor Lamp")},
    },
    "Garden": {"Tools": {"Hand Tools": ("Trowel", "Secateurs", "Dibber")}, "Outdoor Living": {}},
    "Beach & Sea": {
        "Beachwear": {"Hats": ("Sun Hat", "Cap"), "Sandals": ("Sandals", "Flip-Flops")},
        "Water Sports": {"Boards": ("Bodyboard", "Paddle Board")},
    },
    "Books": {"Fiction": {"Novels": ("Novel", "Short Stories")}, "Non-fiction": {"Travel": ("Guide", "Atlas")}},
    "Food & Drink": {
        "Pantry": {"Olive Oil": ("Olive Oil", "Chili Oil"), "Rice": ("Carolino Rice", "Arborio Rice")},
        "Drinks": {"Wine": ("Red Wine", "White Wine", "Rosé")},
    },
    "Electronics": {"Audio": {"Headphones": ("Headphones", "Earbuds"), "Speakers": ("Speaker", "Soundbar")}},
    "Crème & Soin": {"Skin Care": {"Sun Care": ("Sun Cream SPF 50", "After-Sun Balm")}},
}
ADJECTIVES = _words(
    "Atlantic Blue Classic Coastal Everyday Folding Golden Hand-made Heirloom Indigo Large Light "
    "Little Nordic Old-town Organic Pocket Quiet Rustic Salted Slow Striped Sturdy Sunny Travel Weathered"
)
MATERIALS = ("", "", "Cork", "Linen", "Oak", "Steel", "Cotton", "Stoneware", "Recycled", "No. 7", '12"', "“Duna”")
COLOURS = _words("natural white navy sand terracotta olive black azulejo")
DESCRIPTIONS: tuple[str | None, ...] = (
    None,
    "Made to last.",
    "Our bestseller since the first summer.",
    "Two-year warranty.\nCare: wipe clean.",
    "Size:\tone fits all",
    "Feito à mão em Alcácer do Sal.",
    'The "good" one, they say; we agree.',
    "Path on the press server: C:\\assets\\new\\rice.png",
    "手作りの品。",
    "Half price? No: half weight. 🪶",
    "",
)
SHIPPERS = _words("CTT Correos DHL UPS Chronopost InPost GLS")
WAREHOUSES = ("Grândola", "Setúbal", "Porto 2", "Badajoz")
COUPONS = _words("SUMMER10 BEMVINDO WELCOME5 NATAL B2B-2024 100%OFF")
DEVICES = _words("desktop iphone android tablet kiosk")
BROWSERS = ("Firefox 131", "Chrome 130", "Safari 18", "Edge 129", "in-app")
LINE_OPTIONS = (
    '{"colour": "navy"}',
    '{"colour": "sand", "size": "M"}',
    '{"engraving": "Para a Avó, com \\"saudade\\""}',
    '{"size": 42, "width": null}',
    '{"bundle": ["a", "b", {"c": 1.50}]}',
    "{}",
    '{"note": "tab\\there, slash \\\\"}',
)
NOTES = (
    "Please leave it with the neighbour.",
    "Deixar na portaria, obrigado!",
    "Ring twice, the bell is shy",
    "It's a gift; no price tag, please",
    'Write on the card: "Parabéns, Zé!"',
    "Klingel defekt, bitte anrufen",
)
AWKWARD = (
    "first line\nsecond line",
    "tab\tseparated\tby a customer",
    "C:\\Users\\ana\\Desktop\\",
    "quote \" and ' and `",
    "a,b;c|d",
    "carriage\r\nreturn",
    "🎁🎉 for the kids \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "午前中に届けてください。",
    "\\N",
    "NULL",
    "  spaces around  ",
    "naïve café Ångström (precomposed) and e\u0301 (combining)",
    "العربية من اليمين",
    "<b>bold</b> & {json: [1, 2]}",
    "-",
)
REVIEW_TITLES: tuple[str | None, ...] = (
    None,
    "Great",
    "Love it",
    "As described",
    "Meh",
    "Não recomendo",
    "Très bien",
    "Muy bueno",
    "Gut, aber teuer",
    "Broke after a week",
    "5 stars ⭐",
    "Second one I buy",
    "最高です",
    "Too small",
)
REVIEW_OPENERS = (
    "Bought it for the summer house.",
    "Chegou depressa.",
    "The colour is a bit darker than in the picture.",
    "My mother asked for one too.",
    "Livraison rapide, emballage soigné.",
    "It replaced one I had for ten years.",
    "Superó mis expectativas.",
    "Quality is OK for the price.",
    "Sehr schön verarbeitet.",
    "Not what I expected.",
)
REVIEW_CLOSERS = (
    "Would buy again.",
    "Recomendo.",
    "The box was damaged, the product was fine.",
    "Je recommande.",
    "I returned it.",
    "Volveré a comprar.",
    "Customer service answered in an hour.",
    "Nur die Farbe stört.",
    "Three months in and still perfect.",
    "Waiting for a discount to get a second one.",
)
