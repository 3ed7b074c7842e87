//! Made-up events of a shop, the same for the same seed.

use std::time::Duration;

use flow_core::Timestamp;
use uuid::Uuid;

use super::utc;
use crate::dice::{Dice, mix};

/// What the generated shop is like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When the first event happens.
    pub start: Timestamp,
    /// How many events happen in a second; none counts as one.
    pub per_second: u32,
    /// How much earlier than its turn an event may have happened: how late it may come.
    pub lateness: Duration,
    /// How many of a thousand events come an hour or two after their time, however great the lateness of the others.
    pub late_per_mille: u32,
    /// How many of a thousand messages are no valid events.
    pub invalid_per_mille: u32,
    /// How many users there are, who are the customers too.
    pub users: u64,
    /// How many warehouses there are.
    pub warehouses: u64,
}

impl Default for Settings {
    /// A thousand events a second from 2025-02-08T13:09:00Z on, in time and valid; a thousand users, ten warehouses.
    fn default() -> Self {
        Settings {
            start: Timestamp::from_secs(1_739_020_140),
            per_second: 1_000,
            lateness: Duration::ZERO,
            late_per_mille: 0,
            invalid_per_mille: 0,
            users: 1_000,
            warehouses: 10,
        }
    }
}

/// The kinds of event that are generated, as often each.
const KINDS: [&str; 3] = ["order", "inventory", "user_activity"];

/// How many products the shop has: "Product 1" to "Product 100".
const PRODUCTS: u64 = 100;

/// The kind of event `i`: the attribute `type` of its message.
pub fn kind(seed: u64, i: u64) -> &'static str {
    Dice::of(seed, i).pick(&KINDS)
}

/// Event `i` as a line of JSON, without line break. It depends on nothing but the arguments, so that events can be
/// made in any order and on any number of workers.
///
/// Its time comes as the publishers write it, in UTC without zone. A message that is to be invalid is cut off, or
/// has a type, a uuid, a word or a time that is none.
///
/// ```
/// use pipelines::backend_events::generate::{Settings, event};
///
/// let settings = Settings::default();
/// assert_eq!(event(7, 42, &settings), event(7, 42, &settings));
/// assert_ne!(event(7, 42, &settings), event(7, 43, &settings));
/// ```
pub fn event(seed: u64, i: u64, settings: &Settings) -> String {
    let mut dice = Dice::of(seed, i);
    let kind = dice.pick(&KINDS);
    let at = time(&mut dice, seed, i, settings);
    let event = match kind {
        "order" => order(&mut dice, seed, &at, settings),
        "inventory" => inventory(&mut dice, seed, &at, settings),
        _ => user_activity(&mut dice, seed, &at, settings),
    };
    if dice.below(1_000) < u64::from(settings.invalid_per_mille) { spoil(&mut dice, &event) } else { event }
}

/// When it is event `i`'s turn: it comes then, and happened then or earlier.
pub fn turn(i: u64, settings: &Settings) -> Timestamp {
    let turn = u128::from(i) * 1_000_000 / u128::from(settings.per_second.max(1));
    settings.start.offset_micros(i64::try_from(turn).unwrap_or(i64::MAX))
}

/// No event from `i` on happened before this, but for those of [`late_per_mille`](Settings::late_per_mille).
pub fn watermark(i: u64, settings: &Settings) -> Timestamp {
    turn(i, settings) - settings.lateness
}

fn time(dice: &mut Dice, seed: u64, i: u64, settings: &Settings) -> String {
    let latest = u64::try_from(settings.lateness.as_micros()).unwrap_or(u64::MAX).saturating_add(1);
    let behind = Duration::from_micros(dice.below(latest));
    let mut text = utc::text(turn(i, settings) - behind - very_late(seed, i, settings));
    text.pop();
    text
}

/// How much later still an event comes. Its dice are of their own, so that other settings leave the event as it is.
fn very_late(seed: u64, i: u64, settings: &Settings) -> Duration {
    let mut dice = Dice::of(!seed, i);
    if dice.below(1_000) < u64::from(settings.late_per_mille) {
        Duration::from_secs(dice.between(3_600, 7_200))
    } else {
        Duration::ZERO
    }
}

fn order(dice: &mut Dice, seed: u64, at: &str, settings: &Settings) -> String {
    let order = dice.uuid();
    let customer = user(dice, seed, settings);
    let status = dice.pick(&["pending", "processing", "shipped", "delivered"]);
    let product = dice.between(1, PRODUCTS);
    let product_id = member(seed, Set::Products, product);
    let quantity = dice.between(1, 10);
    let price = amount(dice.between(1_000, 10_000));
    let total = amount(dice.between(5_000, 50_000));
    let street = dice.between(1, 999);
    let (city, country) =
        dice.pick(&[("Oslo", "Norway"), ("Lyon", "France"), ("Porto", "Portugal"), ("Osaka", "Japan")]);
    format!(
        r#"{{"event_type":"order","order_id":"{order}","customer_id":"{customer}","order_date":"{at}","status":"{status}","items":[{{"product_id":"{product_id}","product_name":"Product {product}","quantity":{quantity},"price":{price}}}],"shipping_address":{{"street":"{street} Main St","city":"{city}","country":"{country}"}},"total_amount":{total}}}"#
    )
}

fn inventory(dice: &mut Dice, seed: u64, at: &str, settings: &Settings) -> String {
    let inventory = dice.uuid();
    let product = member(seed, Set::Products, dice.between(1, PRODUCTS));
    let warehouse = member(seed, Set::Warehouses, dice.below(settings.warehouses));
    let change = dice.between(0, 200) as i64 - 100;
    let reason = dice.pick(&["restock", "sale", "return", "damage"]);
    format!(
        r#"{{"event_type":"inventory","inventory_id":"{inventory}","product_id":"{product}","warehouse_id":"{warehouse}","quantity_change":{change},"reason":"{reason}","timestamp":"{at}"}}"#
    )
}

fn user_activity(dice: &mut Dice, seed: u64, at: &str, settings: &Settings) -> String {
    let user = user(dice, seed, settings);
    let activity = dice.pick(&["login", "logout", "view_product", "add_to_cart", "remove_from_cart"]);
    let (x, y) = (dice.below(256), dice.between(1, 254));
    let agent = dice.pick(&["Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (iPhone)", "ShopApp/3.1"]);
    let session = dice.uuid();
    let platform = dice.pick(&["web", "mobile", "tablet"]);
    format!(
        r#"{{"event_type":"user_activity","user_id":"{user}","activity_type":"{activity}","ip_address":"192.168.{x}.{y}","user_agent":"{agent}","timestamp":"{at}","metadata":{{"session_id":"{session}","platform":"{platform}"}}}}"#
    )
}

/// The message of an event with something wrong in it. It is ASCII, so it can be cut anywhere.
fn spoil(dice: &mut Dice, event: &str) -> String {
    match dice.below(6) {
        0 => event[..event.len() / 2].to_owned(),
        1 => event.replacen(r#""event_type":""#, r#""event_type":"un"#, 1),
        2 => event.replacen(r#""event_type""#, r#""eventtype""#, 1),
        3 => event.replacen(r#"_id":""#, r#"_id":"no-"#, 1),
        4 => event.replacen(r#""order_date":""#, r#""order_date":"on "#, 1).replacen(
            r#""timestamp":""#,
            r#""timestamp":"on "#,
            1,
        ),
        _ => ["status", "reason", "activity_type"].iter().fold(event.to_owned(), |event, field| {
            event.replacen(&format!(r#""{field}":""#), &format!(r#""{field}":"not "#), 1)
        }),
    }
}

/// Things that several events are about, so that events can be joined by them.
#[derive(Clone, Copy)]
enum Set {
    Users = 1,
    Products,
    Warehouses,
}

fn user(dice: &mut Dice, seed: u64, settings: &Settings) -> Uuid {
    member(seed, Set::Users, dice.below(settings.users))
}

/// The id of a set's member, the same in all events of a seed.
fn member(seed: u64, set: Set, n: u64) -> Uuid {
    Dice::of(mix(seed ^ set as u64), n).uuid()
}

/// Cents as an amount of money: `1.5` is `1.50`.
fn amount(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::backend_events::decode::Dialect;
    use crate::backend_events::{Catalog, Checked, Event, Message, Warning};

    fn check(catalog: &Catalog, line: &str) -> Checked {
        let message = Message { data: line.as_bytes(), attribute: None, published: Timestamp::MIN };
        message.check(catalog, Dialect::Json)
    }

    fn events(count: u64, settings: &Settings) -> Vec<Event> {
        let catalog = Catalog::builtin();
        (0..count).map(|i| check(&catalog, &event(1, i, settings)).outcome.unwrap()).collect()
    }

    #[test]
    fn all_three_kinds_come_as_often_each_and_are_valid() {
        let mut counts = BTreeMap::new();
        for event in events(9_000, &Settings::default()) {
            *counts.entry(event.kind).or_insert(0) += 1;
        }
        assert_eq!(counts.keys().map(|k| &**k).collect::<Vec<_>>(), ["inventory", "order", "user_activity"]);
        assert!(counts.values().all(|count| (2_800..=3_200).contains(count)), "{counts:?}");
    }

    #[test]
    fn the_kind_can_be_told_without_the_event() {
        for (i, event) in (0..).zip(events(100, &Settings::default())) {
            assert_eq!(*event.kind, *kind(1, i));
        }
    }

    #[test]
    fn an_event_happens_in_its_turn() {
        let settings = Settings { per_second: 4, ..Settings::default() };
        let times: Vec<_> = events(5, &settings).iter().map(|e| e.at.to_string()).collect();
        let wanted = [
            "2025-02-08T13:09:00Z",
            "2025-02-08T13:09:00.25Z",
            "2025-02-08T13:09:00.5Z",
            "2025-02-08T13:09:00.75Z",
            "2025-02-08T13:09:01Z",
        ];
        assert_eq!(times, wanted);
    }

    #[test]
    fn a_late_event_is_late_within_the_bound() {
        let settings = Settings { per_second: 1, lateness: Duration::from_mins(1), ..Settings::default() };
        let behind = (0..)
            .zip(events(1_000, &settings))
            .map(|(i, event)| settings.start.offset_micros(i * 1_000_000).micros() - event.at.micros());
        let behind: Vec<_> = behind.collect();
        assert!(behind.iter().all(|micros| (0..=60_000_000).contains(micros)));
        assert!(behind.iter().any(|micros| *micros > 50_000_000));
    }

    #[test]
    fn a_few_events_come_an_hour_late() {
        let settings = Settings { late_per_mille: 10, ..Settings::default() };
        let happened = |i| check(&Catalog::builtin(), &event(1, i, &settings)).outcome.unwrap().at;
        let behind: Vec<_> =
            (0..10_000).map(|i| turn(i, &settings).micros() - happened(i).micros()).collect();
        let late: Vec<_> = behind.iter().filter(|micros| **micros > 0).collect();
        assert!((50..=150).contains(&late.len()), "{}", late.len());
        assert!(late.iter().all(|micros| (3_600_000_000..=7_200_000_000).contains(*micros)));
    }

    #[test]
    fn the_bad_ones_are_all_refused_and_the_others_are_not() {
        let catalog = Catalog::builtin();
        let settings = Settings { invalid_per_mille: 100, ..Settings::default() };
        let spoilt = |i: &u64| event(1, *i, &settings) != event(1, *i, &Settings::default());
        let refused = |i: &u64| check(&catalog, &event(1, *i, &settings)).outcome.is_err();
        let bad: Vec<u64> = (0..3_000).filter(spoilt).collect();
        assert!((250..=350).contains(&bad.len()), "{}", bad.len());
        assert_eq!((0..3_000).filter(refused).collect::<Vec<_>>(), bad);
    }

    #[test]
    fn the_only_oddity_of_good_events_is_their_random_total() {
        let catalog = Catalog::builtin();
        for i in 0..1_000 {
            let checked = check(&catalog, &event(1, i, &Settings::default()));
            assert!(checked.warnings.iter().all(|w| matches!(w, Warning::TotalDiffers { .. })));
        }
    }

    #[test]
    fn orders_and_inventory_are_about_the_same_products() {
        let (mut ordered, mut stocked) = (Vec::new(), Vec::new());
        for event in events(6_000, &Settings::default()) {
            match &*event.kind {
                "order" => ordered.push(event.body["items"][0]["product_id"].clone()),
                "inventory" => stocked.push(event.body["product_id"].clone()),
                _ => {}
            }
        }
        assert!(ordered.iter().all(|product| stocked.contains(product)));
    }
}
