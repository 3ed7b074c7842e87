//! Names and places that made-up users have.

/// A country, and what people there are called. Of each name there is the form for addresses of mail.
pub(super) struct Nation {
    pub(super) code: &'static str,
    pub(super) country: &'static str,
    pub(super) offset: &'static str,
    /// Whether postcodes are integers in the API's answers.
    pub(super) numeric_postcodes: bool,
    /// City and state.
    pub(super) cities: &'static [(&'static str, &'static str)],
    pub(super) streets: &'static [&'static str],
    pub(super) women: &'static [(&'static str, &'static str)],
    pub(super) men: &'static [(&'static str, &'static str)],
    pub(super) families: &'static [(&'static str, &'static str)],
}

pub(super) const NATIONS: [Nation; 6] = [
    Nation {
        code: "MX",
        country: "Mexico",
        offset: "-6:00",
        numeric_postcodes: true,
        cities: &[("Mérida", "Yucatán"), ("Puebla", "Puebla"), ("León", "Guanajuato")],
        streets: &["Calle Ñuñoa", "Pasaje Jalisco", "Privada Norte"],
        women: &[("Sofía", "sofia"), ("Ximena", "ximena"), ("Guadalupe", "guadalupe")],
        men: &[("Marco", "marco"), ("José", "jose"), ("Íñigo", "inigo")],
        families: &[("Pulido", "pulido"), ("Muñoz", "munoz"), ("Sáenz", "saenz")],
    },
    Nation {
        code: "TR",
        country: "Turkey",
        offset: "+3:00",
        numeric_postcodes: true,
        cities: &[("İzmir", "Van"), ("Eskişehir", "Muş"), ("Ankara", "Şırnak")],
        streets: &["Atatürk Sk", "Bağdat Cd", "Necatibey Cd"],
        women: &[("Ömür", "omur"), ("Gül", "gul"), ("Ayşe", "ayse")],
        men: &[("Çetin", "cetin"), ("Oğuzhan", "oguzhan"), ("Ilgaz", "ilgaz")],
        families: &[("Tuğlu", "tuglu"), ("Yıldırım", "yildirim"), ("Öztuna", "oztuna")],
    },
    Nation {
        code: "NL",
        country: "Netherlands",
        offset: "+1:00",
        numeric_postcodes: false,
        cities: &[("'s-Hertogenbosch", "Noord-Brabant"), ("Utrecht", "Utrecht"), ("Zwolle", "Overijssel")],
        streets: &["Zandweg", "Kerkstraat", "Van Eeghenstraat"],
        women: &[("Noëlle", "noelle"), ("Fleur", "fleur"), ("Sanne", "sanne")],
        men: &[("Ardian", "ardian"), ("Thijs", "thijs"), ("Björn", "bjorn")],
        families: &[("Aarssen", "aarssen"), ("Van 't Hof", "vanthof"), ("Geçgel", "gecgel")],
    },
    Nation {
        code: "IR",
        country: "Iran",
        offset: "+3:30",
        numeric_postcodes: true,
        cities: &[("شیراز", "فارس"), ("تبریز", "آذربایجان شرقی"), ("اصفهان", "یزد")],
        streets: &["میدان آزادی", "شهید رجایی", "کوی نصر"],
        women: &[("مریم", "mrym"), ("فاطمه", "ftmh"), ("نازنین", "nznyn")],
        men: &[("علی رضا", "aalyrd"), ("پارسا", "prs"), ("محمد", "mhmd")],
        families: &[("قاسمی", "qsmy"), ("حسینی", "hsyny"), ("رضاییان", "rdyyn")],
    },
    Nation {
        code: "NO",
        country: "Norway",
        offset: "+1:00",
        numeric_postcodes: false,
        cities: &[("Ålesund", "Møre og Romsdal"), ("Tromsø", "Troms"), ("Bø", "Telemark")],
        streets: &["Bjørnåsveien", "Grønlandsleiret", "Åsveien"],
        women: &[("Åse", "ase"), ("Ingrid", "ingrid"), ("Sølvi", "solvi")],
        men: &[("Øyvind", "oyvind"), ("Håkon", "hakon"), ("Lars", "lars")],
        families: &[("Sæther", "saether"), ("Bjørnstad", "bjornstad"), ("Lie", "lie")],
    },
    Nation {
        code: "GB",
        country: "United Kingdom",
        offset: "0:00",
        numeric_postcodes: false,
        cities: &[("Leeds", "West Yorkshire"), ("Bath", "Somerset"), ("Stoke-on-Trent", "Staffordshire")],
        streets: &["Church Lane", "The Crescent", "Queensway"],
        women: &[("Siân", "sian"), ("Zoë", "zoe"), ("Mary-Ann", "mary-ann")],
        men: &[("Seán", "sean"), ("Oliver", "oliver"), ("D'Arcy", "darcy")],
        families: &[("O'Neill", "oneill"), ("Wood", "wood"), ("St. John", "stjohn")],
    },
];

pub(super) const COLOURS: [&str; 8] =
    ["brown", "organic", "crazy", "green", "silver", "lazy", "tiny", "golden"];
pub(super) const ANIMALS: [&str; 8] = ["tiger", "mouse", "fish", "bird", "panda", "zebra", "duck", "gorilla"];
