//! What the pipeline promises, on the reference runner.

use std::fs;
use std::time::Duration;

use flow_core::Summary;
use flow_core::prelude::*;
use flow_core::testing::{Input, MemorySink, MemorySinks, Script, stream};
use pipelines::user_registration::generate::{self, answer};
use pipelines::user_registration::pipeline::register;
use pipelines::user_registration::{
    AgeBand, DeadLetter, Input as Messages, LetterRow, Received, SegmentRow, Settings, Tables, UserRow,
};
use serde_json::{Value, json};
use tempfile::tempdir;

const PUBLISHED: &str = "2025-02-08T13:09:00Z";

/// The tables of a run, in memory.
#[derive(Clone)]
struct Memory {
    users: MemorySinks<UserRow>,
    letters: MemorySinks<LetterRow>,
    segments: MemorySinks<SegmentRow>,
}

impl Memory {
    fn new() -> Self {
        Memory { users: MemorySinks::new(), letters: MemorySinks::new(), segments: MemorySinks::new() }
    }

    fn tables(&self) -> Tables<MemorySink<UserRow>, MemorySink<LetterRow>, MemorySink<SegmentRow>> {
        Tables {
            users: self.users.sink("users"),
            letters: self.letters.sink("letters"),
            segments: Some(self.segments.sink("segments")),
        }
    }

    fn usernames(&self) -> Vec<String> {
        self.users.values("users").into_iter().filter_map(|row| row.login_username).collect()
    }

    fn letters(&self) -> Vec<Value> {
        self.letters.values("letters").iter().map(|row| serde_json::to_value(row).unwrap()).collect()
    }
}

fn received(answer: &Value) -> Received {
    let published = Some(PUBLISHED.parse().unwrap());
    Received { data: answer.to_string().into(), id: "m1".into(), published }
}

fn run_in(memory: &Memory, messages: impl IntoIterator<Item = Received>) -> Summary {
    let p = Pipeline::new();
    register(&p, &p.create(messages.into_iter().map(Ok)), Settings::default(), memory.tables());
    ReferenceRunner::new().run(p).unwrap_or_else(|error| panic!("{}", error.report()))
}

fn run(messages: impl IntoIterator<Item = Received>) -> Memory {
    let memory = Memory::new();
    run_in(&memory, messages);
    memory
}

/// A result of the API, with the parts that a row is made of.
fn result(uuid: u32, username: &str) -> Value {
    json!({
        "gender": "male",
        "name": {"title": "Mr", "first": "Marco", "last": "Pulido"},
        "location": {"street": {"number": 1, "name": "Calle"}, "country": "Mexico", "postcode": 46389},
        "email": "marco.pulido@example.com",
        "login": {"uuid": format!("8c5ad9a8-2b5c-4b3e-9d55-{uuid:012}"), "username": username},
        "dob": {"date": "1956-03-21T01:24:58.770Z", "age": 68},
    })
}

fn answer_of(results: &[Value]) -> Value {
    json!({"results": results, "info": {"seed": "x", "results": results.len(), "page": 1, "version": "1.4"}})
}

#[test]
fn the_four_steps_are_in_the_plan() {
    let p = Pipeline::new();
    let messages = stream::<Result<Received, DeadLetter>>().collection(&p).named("read");
    register(&p, &messages, Settings::default(), Memory::new().tables());
    insta::assert_snapshot!(p.to_string());
}

#[test]
fn rows_have_the_eight_columns_byte_for_byte() {
    let user = |n, username: &str, [first, last, gender, dob, country, email]: [&str; 6], postcode: Value| {
        let mut user = result(n, username);
        user["name"] = json!({"title": "Mr", "first": first, "last": last});
        user["gender"] = json!(gender);
        user["dob"]["date"] = json!(dob);
        user["location"]["country"] = json!(country);
        user["location"]["postcode"] = postcode;
        user["email"] = json!(email);
        user
    };
    let users = [
        user(
            1,
            "browntiger479",
            ["Marco", "Pulido", "male", "1956-03-21T01:24:58.770Z", "Mexico", "marco.pulido@example.com"],
            json!(46389),
        ),
        user(
            2,
            "organicmouse364",
            ["Ömür", "Tuğlu", "female", "1985-12-24T07:11:19.765Z", "Turkey", "omur.tuglu@example.com"],
            json!(68930),
        ),
        user(
            3,
            "crazyfish421",
            [
                "Ardian",
                "Aarssen",
                "male",
                "1988-11-29T05:00:42.419Z",
                "Netherlands",
                "ardian.aarssen@example.com",
            ],
            json!("4988 YF"),
        ),
        user(
            4,
            "greenbird925",
            ["مریم", "قاسمی", "female", "1989-07-24T12:33:21.483Z", "Iran", "mrym.qsmy@example.com"],
            json!(21994),
        ),
        user(
            5,
            "redcat1",
            ["Ann", "Lee", "female", "1990-01-01T00:00:00.000Z", "Norway", "a@example.com"],
            json!(null),
        ),
    ];
    let rows: Vec<_> = run([received(&answer_of(&users))]).users.values("users");
    let rows: Vec<_> = rows.iter().map(|row| serde_json::to_string(row).unwrap()).collect();
    let wanted = [
        r#"{"login_username":"browntiger479","first_name":"Marco","last_name":"Pulido","gender":"male","dob":"1956-03-21T01:24:58.770Z","country":"Mexico","postcode":"46389","email":"marco.pulido@example.com"}"#,
        r#"{"login_username":"organicmouse364","first_name":"Ömür","last_name":"Tuğlu","gender":"female","dob":"1985-12-24T07:11:19.765Z","country":"Turkey","postcode":"68930","email":"omur.tuglu@example.com"}"#,
        r#"{"login_username":"crazyfish421","first_name":"Ardian","last_name":"Aarssen","gender":"male","dob":"1988-11-29T05:00:42.419Z","country":"Netherlands","postcode":"4988 YF","email":"ardian.aarssen@example.com"}"#,
        r#"{"login_username":"greenbird925","first_name":"مریم","last_name":"قاسمی","gender":"female","dob":"1989-07-24T12:33:21.483Z","country":"Iran","postcode":"21994","email":"mrym.qsmy@example.com"}"#,
        r#"{"login_username":"redcat1","first_name":"Ann","last_name":"Lee","gender":"female","dob":"1990-01-01T00:00:00.000Z","country":"Norway","postcode":null,"email":"a@example.com"}"#,
    ];
    assert_eq!(rows, wanted);
}

#[test]
fn the_schema_is_the_columns_of_the_row() {
    let row = UserRow::from(pipelines::user_registration::User::read(&result(1, "a"), None).unwrap());
    let row = serde_json::to_string(&row).unwrap();
    let columns: Vec<_> =
        UserRow::SCHEMA.split(", ").map(|column| column.split(':').next().unwrap()).collect();
    let wanted =
        ["login_username", "first_name", "last_name", "gender", "dob", "country", "postcode", "email"];
    assert_eq!(columns, wanted);
    assert!(UserRow::SCHEMA.split(", ").all(|column| column.ends_with(":STRING")));
    let places: Vec<_> = columns.iter().map(|column| row.find(&format!("\"{column}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{row}");
}

#[test]
fn a_message_of_so_many_results_is_so_many_rows() {
    for users in [1, 5, 5_000] {
        let settings = generate::Settings { users, ..generate::Settings::default() };
        let memory = run([Received::data(answer(1, 0, &settings))]);
        assert_eq!(memory.usernames().len(), users as usize);
    }
}

#[test]
fn what_is_no_user_is_a_dead_letter_with_the_reason_and_its_bytes_and_the_rest_goes_on() {
    let mut old = result(3, "old");
    old["dob"] = json!("1983-07-14 07:29:45");
    old["location"].as_object_mut().unwrap().remove("country");
    let memory = Memory::new();
    let messages = [
        received(&answer_of(&[result(1, "a"), old.clone(), result(2, "b")])),
        received(&json!({"error": "Uh oh, something has gone wrong."})),
        Received::data(b"\xff\xfe".to_vec()),
        received(&answer_of(&[result(4, "c")])),
    ];
    let summary = run_in(&memory, messages);
    assert_eq!(memory.usernames(), ["a", "b", "c"]);
    assert_eq!(summary.counter("dead_letters.no_user"), 1);
    assert_eq!(summary.counter("dead_letters.api_error"), 1);
    assert_eq!(summary.counter("dead_letters.not_json"), 1);

    let letters = memory.letters();
    let old_bytes = old.to_string().into_bytes();
    assert_eq!(
        letters[0],
        json!({
            "kind": "no_user", "reason": "dob: is a text, wanted an object; location.country: is missing",
            "message": "m1", "result": 1, "published": PUBLISHED, "data": old_bytes,
        })
    );
    assert_eq!(letters[1]["reason"], "the API failed: Uh oh, something has gone wrong.");
    assert_eq!(letters[2]["data"], json!([0xff, 0xfe]));
}

#[test]
fn a_row_that_the_table_refuses_is_a_dead_letter() {
    let memory = Memory::new();
    let mut tables = memory.tables();
    let is_b = |row: &UserRow| row.login_username.as_deref() == Some("b");
    tables.users = tables.users.refusing(move |row| is_b(row).then(|| "the table is in a mood".to_owned()));
    let p = Pipeline::new();
    let answer = received(&answer_of(&[result(1, "a"), result(2, "b")]));
    register(&p, &p.create([Ok(answer)]), Settings::default(), tables);
    ReferenceRunner::new().run(p).unwrap();

    assert_eq!(memory.usernames(), ["a"]);
    let letter = memory.letters().remove(0);
    assert_eq!(letter["kind"], "refused");
    assert_eq!(letter["reason"], "users: the table is in a mood");
    let row: Vec<u8> = serde_json::from_value(letter["data"].clone()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&row).unwrap()["login_username"], "b");
}

#[test]
fn a_replay_within_the_horizon_adds_no_row() {
    let message = || received(&answer_of(&[result(1, "a"), result(2, "b"), result(1, "a")]));
    assert_eq!(run([message(), message()]).usernames(), ["a", "b"]);
}

/// What arrives, and when.
fn arriving(script: &Script) -> Input<Result<Received, DeadLetter>> {
    script.input()
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

#[test]
fn after_the_horizon_a_user_is_new_again() {
    let (p, memory) = (Pipeline::new(), Memory::new());
    let script = Script::new(&p);
    let input = arriving(&script);
    register(&p, &input.collection(), Settings::default(), memory.tables());
    let message = || [(Ok(received(&answer_of(&[result(1, "a")]))), at(PUBLISHED))];
    input.add(message());
    script.clock(Duration::from_secs(599));
    input.add(message());
    script.clock(Duration::from_secs(1));
    input.add(message());
    ReferenceRunner::new().run(p).unwrap();
    assert_eq!(memory.usernames(), ["a", "a"]);
}

#[test]
fn users_are_counted_by_country_gender_and_age_in_each_minute() {
    let (p, memory) = (Pipeline::new(), Memory::new());
    let script = Script::new(&p);
    let input = arriving(&script);
    register(&p, &input.collection(), Settings::default(), memory.tables());
    let user = |n, country: &str, gender: &str, born: &str| {
        let mut user = result(n, "a");
        user["location"]["country"] = json!(country);
        user["gender"] = json!(gender);
        user["dob"]["date"] = json!(born);
        user
    };
    let message = |time: &str, users: &[Value]| {
        let published = Some(at(time));
        [(Ok(Received { published, ..received(&answer_of(users)) }), at(time))]
    };
    let (young, old) = ("2007-02-08T13:09:00.000Z", "1956-03-21T01:24:58.770Z");
    input.add(message(
        "2025-02-08T13:09:01Z",
        &[
            user(1, "Mexico", "male", old),
            user(2, "Mexico", "male", old),
            user(3, "Mexico", "male", young),
            user(4, "Iran", "female", old),
        ],
    ));
    // The same user again is counted once.
    input.add(message(
        "2025-02-08T13:09:59Z",
        &[user(4, "Iran", "female", old), user(5, "Iran", "female", old)],
    ));
    input.add(message("2025-02-08T13:10:00Z", &[user(6, "Iran", "female", "long ago")]));
    input.watermark(at("2025-02-08T13:11:00Z"));
    ReferenceRunner::new().run(p).unwrap();

    let row = |minute: &str, country: &str, gender: &str, age_band, users| SegmentRow {
        window_start: at(minute),
        window_end: at(minute) + Duration::from_mins(1),
        country: Some(country.to_owned()),
        gender: Some(gender.to_owned()),
        age_band,
        users,
    };
    let mut rows = memory.segments.values("segments");
    rows.sort();
    let wanted = [
        row("2025-02-08T13:09:00Z", "Iran", "female", AgeBand::From65, 2),
        row("2025-02-08T13:09:00Z", "Mexico", "male", AgeBand::From18, 1),
        row("2025-02-08T13:09:00Z", "Mexico", "male", AgeBand::From65, 2),
        row("2025-02-08T13:10:00Z", "Iran", "female", AgeBand::Unknown, 1),
    ];
    assert_eq!(rows, wanted);
}

#[test]
fn history_and_stream_go_into_one_table_without_duplicates_and_history_is_not_counted() {
    let root = tempdir().unwrap();
    let file = root.path().join("users.jsonl");
    let lines = [answer_of(&[result(1, "a"), result(2, "b")]), answer_of(&[result(3, "c")])];
    fs::write(&file, format!("{}\n\n{}\nnonsense\n", lines[0], lines[1])).unwrap();

    let (p, memory) = (Pipeline::new(), Memory::new());
    let live = stream().add([(Ok(received(&answer_of(&[result(2, "b"), result(4, "d")]))), at(PUBLISHED))]);
    let live = live.collection(&p);
    let past = Messages::History(vec![file.to_str().unwrap().to_owned()]).read(&p);
    register(&p, &live.flatten([&past]), Settings::default(), memory.tables());
    ReferenceRunner::new().run(p).unwrap_or_else(|error| panic!("{}", error.report()));

    let mut users = memory.usernames();
    users.sort();
    assert_eq!(users, ["a", "b", "c", "d"]);
    assert!(memory.letters()[0]["message"].as_str().unwrap().ends_with("users.jsonl:4"));
    let counted: u64 = memory.segments.values("segments").iter().map(|row| row.users).sum();
    assert!((1..=2).contains(&counted), "`d`, and `b` if it came from the stream first: {counted}");
}
