//! Made-up answers of the API, the same for the same seed.

use super::people::{ANIMALS, COLOURS, NATIONS, Nation};
use crate::dice::{Dice, mix};

/// What the generated answers are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many users an answer has.
    pub users: u32,
    /// How many of a thousand users are no good: of the older shape, or with a key missing.
    pub odd_users_per_mille: u32,
    /// How many of a thousand answers are no good as a whole: an error of the API, cut off, or no text.
    pub bad_answers_per_mille: u32,
}

impl Default for Settings {
    /// Five good users an answer.
    fn default() -> Self {
        Settings { users: 5, odd_users_per_mille: 0, bad_answers_per_mille: 0 }
    }
}

/// What the API says when it has failed.
pub const API_ERROR: &str =
    r#"{"error": "Uh oh, something has gone wrong. Please tweet us @randomapi about the issue. Thank you."}"#;

/// Answer `i`, in the bytes of the API. It depends on nothing but the arguments, and users are other ones in each answer.
///
/// ```
/// use pipelines::user_registration::generate::{Settings, answer};
///
/// let settings = Settings::default();
/// assert_eq!(answer(7, 42, &settings), answer(7, 42, &settings));
/// assert_ne!(answer(7, 42, &settings), answer(7, 43, &settings));
/// ```
pub fn answer(seed: u64, i: u64, settings: &Settings) -> Vec<u8> {
    let mut dice = Dice::of(!seed, i);
    let bad = chance(&mut dice, settings.bad_answers_per_mille).then(|| dice.below(3));
    if bad == Some(0) {
        return API_ERROR.as_bytes().to_vec();
    }
    let users: Vec<_> = (0..settings.users).map(|n| user(seed, i, n, settings)).collect();
    let (users, results) = (users.join(","), settings.users);
    let info = format!(r#"{{"seed":"{:016x}","results":{results},"page":1,"version":"1.4"}}"#, mix(seed ^ i));
    let mut answer = format!(r#"{{"results":[{users}],"info":{info}}}"#).into_bytes();
    match bad {
        Some(1) => answer.truncate(answer.len() / 2),
        Some(_) => answer[0] = 0xff,
        None => {}
    }
    answer
}

fn chance(dice: &mut Dice, per_mille: u32) -> bool {
    dice.below(1_000) < u64::from(per_mille)
}

/// What is odd about a user.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Odd {
    /// As the older version of the API has them.
    Old,
    NoEmail,
    NoFirstName,
}

fn user(seed: u64, i: u64, n: u32, settings: &Settings) -> String {
    let mut dice = Dice::of(mix(seed ^ mix(i)), u64::from(n));
    let odd = chance(&mut dice, settings.odd_users_per_mille)
        .then(|| dice.pick(&[Odd::Old, Odd::NoEmail, Odd::NoFirstName]));
    let nation = &NATIONS[dice.below(NATIONS.len() as u64) as usize];
    let is_woman = dice.below(2) == 0;
    let (gender, title, names) =
        if is_woman { ("female", "Ms", nation.women) } else { ("male", "Mr", nation.men) };
    let ((first, mail_first), (last, mail_last)) = (dice.pick(names), dice.pick(nation.families));
    let first = if odd == Some(Odd::NoFirstName) { String::new() } else { format!(r#""first":"{first}","#) };
    let email = format!(r#""email":"{mail_first}.{mail_last}@example.com","#);
    let email = if odd == Some(Odd::NoEmail) { "" } else { &email };
    let location = location(&mut dice, nation, odd == Some(Odd::Old));
    let login = login(&mut dice);
    let dob = born(&mut dice, odd == Some(Odd::Old));
    let registered = dated(&mut dice, 2_002, 2_022);
    let (phone, cell) = (phone(&mut dice), phone(&mut dice));
    let (portrait, crowd) = (dice.below(100), if is_woman { "women" } else { "men" });
    let picture = |size: &str| format!("https://randomuser.me/api/portraits/{size}{crowd}/{portrait}.jpg");
    let (large, medium, thumbnail) = (picture(""), picture("med/"), picture("thumb/"));
    let nat = nation.code;
    format!(
        r#"{{"gender":"{gender}","name":{{"title":"{title}",{first}"last":"{last}"}},"location":{location},{email}"login":{login},"dob":{dob},"registered":{registered},"phone":"{phone}","cell":"{cell}","id":{{"name":"","value":null}},"picture":{{"large":"{large}","medium":"{medium}","thumbnail":"{thumbnail}"}},"nat":"{nat}"}}"#
    )
}

fn location(dice: &mut Dice, nation: &Nation, is_old: bool) -> String {
    let (number, street) = (dice.between(1, 9_999), dice.pick(nation.streets));
    let (city, state) = dice.pick(nation.cities);
    let country = if is_old { String::new() } else { format!(r#""country":"{}","#, nation.country) };
    let postcode = postcode(dice, nation, is_old);
    let (latitude, longitude) = (degrees(dice, 90), degrees(dice, 180));
    let offset = nation.offset;
    format!(
        r#"{{"street":{{"number":{number},"name":"{street}"}},"city":"{city}","state":"{state}",{country}"postcode":{postcode},"coordinates":{{"latitude":"{latitude}","longitude":"{longitude}"}},"timezone":{{"offset":"{offset}","description":"{}"}}}}"#,
        nation.country
    )
}

fn postcode(dice: &mut Dice, nation: &Nation, is_old: bool) -> String {
    let number = dice.between(10_000, 99_999);
    let letter = |dice: &mut Dice| char::from(b'A' + dice.below(26) as u8);
    if nation.numeric_postcodes || is_old {
        return number.to_string();
    }
    if dice.below(50) == 0 {
        return "null".to_owned();
    }
    format!(r#""{} {}{}""#, number / 10, letter(dice), letter(dice))
}

fn degrees(dice: &mut Dice, most: u64) -> String {
    let sign = dice.pick(&["", "-"]);
    format!("{sign}{}.{:04}", dice.below(most), dice.below(10_000))
}

fn login(dice: &mut Dice) -> String {
    let uuid = dice.uuid();
    let username = format!("{}{}{}", dice.pick(&COLOURS), dice.pick(&ANIMALS), dice.between(100, 999));
    let password = dice.pick(&["letmein", "trustno1", "sparky", "qwerty"]);
    let (salt, md5) = (hex(dice, 4), hex(dice, 16));
    let (sha1, sha256) = (hex(dice, 20), hex(dice, 32));
    format!(
        r#"{{"uuid":"{uuid}","username":"{username}","password":"{password}","salt":"{salt}","md5":"{md5}","sha1":"{sha1}","sha256":"{sha256}"}}"#
    )
}

fn hex(dice: &mut Dice, bytes: usize) -> String {
    (0..2 * bytes).map(|_| dice.pick(b"0123456789abcdef")).map(char::from).collect()
}

/// When a user was born; the older version has a plain text.
fn born(dice: &mut Dice, is_old: bool) -> String {
    if is_old {
        let (year, month, day) = (dice.between(1_945, 2_005), dice.between(1, 12), dice.between(1, 28));
        return format!(r#""{year}-{month:02}-{day:02} 07:29:45""#);
    }
    dated(dice, 1_945, 2_009)
}

/// A date of the years, and how long it was ago in 2025.
fn dated(dice: &mut Dice, first: u64, last: u64) -> String {
    let (year, month, day) = (dice.between(first, last), dice.between(1, 12), dice.between(1, 28));
    let (hour, minute, second) = (dice.below(24), dice.below(60), dice.below(60));
    let (millis, age) = (dice.below(1_000), 2_025 - year);
    format!(
        r#"{{"date":"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z","age":{age}}}"#
    )
}

fn phone(dice: &mut Dice) -> String {
    format!("({:03}) {:03}-{:04}", dice.below(1_000), dice.below(1_000), dice.below(10_000))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::user_registration::letter::Kind;
    use crate::user_registration::{DeadLetter, Postcode, Received, User, decode};

    fn decoded(settings: &Settings, answers: u64) -> Vec<Result<User, DeadLetter>> {
        let mut out = Vec::new();
        for i in 0..answers {
            decode(&Received::data(answer(1, i, settings)), |result| out.push(result));
        }
        out
    }

    #[test]
    fn the_same_seed_makes_the_same_bytes() {
        let settings = Settings { users: 2, odd_users_per_mille: 500, bad_answers_per_mille: 500 };
        let answers = |seed| (0..20).map(|i| answer(seed, i, &settings)).collect::<Vec<_>>();
        assert_eq!(answers(3), answers(3));
        assert_ne!(answers(3), answers(4));
    }

    #[test]
    fn a_user_has_all_that_the_api_sends() {
        let answer: Value = serde_json::from_slice(&answer(1, 0, &Settings::default())).unwrap();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(keys(&answer), "info results");
        assert_eq!(keys(&answer["info"]), "page results seed version");
        let user = &answer["results"][0];
        let wanted = "cell dob email gender id location login name nat phone picture registered";
        assert_eq!(keys(user), wanted);
        assert_eq!(keys(&user["name"]), "first last title");
        assert_eq!(keys(&user["location"]), "city coordinates country postcode state street timezone");
        assert_eq!(keys(&user["login"]), "md5 password salt sha1 sha256 username uuid");
        assert_eq!(keys(&user["dob"]), "age date");
        assert_eq!(user["login"]["sha256"].as_str().unwrap().len(), 64);
    }

    #[test]
    fn good_users_are_read_each_is_another_and_their_postcodes_are_of_all_kinds() {
        let users: Vec<_> = decoded(&Settings::default(), 400).into_iter().map(Result::unwrap).collect();
        assert_eq!(users.iter().map(|user| user.uuid).collect::<BTreeSet<_>>().len(), 2_000);
        let has = |kind: fn(&Option<Postcode>) -> bool| users.iter().any(|user| kind(&user.postcode));
        assert!(has(Option::is_none));
        assert!(has(|p| matches!(p, Some(Postcode::Text(_)))));
        assert!(has(|p| matches!(p, Some(Postcode::Number(_)))));
        assert!(users.iter().any(|user| user.first_name.as_deref() == Some("مریم")));
    }

    #[test]
    fn odd_users_are_refused_one_by_one_and_bad_answers_as_a_whole() {
        let odd = decoded(&Settings { odd_users_per_mille: 100, ..Settings::default() }, 400);
        let letters: Vec<_> = odd.iter().filter_map(|result| result.as_ref().err()).collect();
        assert!((150..=250).contains(&letters.len()), "{}", letters.len());
        let reasons: BTreeSet<_> = letters.iter().map(|letter| letter.reason.as_str()).collect();
        let wanted = [
            "dob: is a text, wanted an object; location.country: is missing",
            "email: is missing",
            "name.first: is missing",
        ];
        assert_eq!(reasons.into_iter().collect::<Vec<_>>(), wanted);

        let bad = decoded(&Settings { bad_answers_per_mille: 1_000, ..Settings::default() }, 100);
        let kinds: Vec<_> = bad.iter().map(|result| result.as_ref().unwrap_err().kind).collect();
        assert_eq!(kinds.len(), 100);
        assert!(kinds.contains(&Kind::ApiError) && kinds.contains(&Kind::NotJson));
    }
}
