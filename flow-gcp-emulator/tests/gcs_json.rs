//! Cloud Storage as clients without gRPC see it, and its notifications.

mod common;

use common::{SUBSCRIPTION, TOPIC, shop};
use flow_gcp_emulator::Emulator;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

async fn get(url: &str) -> Value {
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn buckets_and_objects_are_served_as_json() {
    let emulator = Emulator::start().unwrap();
    let base = format!("{}/storage/v1/b", emulator.endpoint());
    let client = Client::new();
    let made = client.post(&base).query(&[("project", "shop")]).json(&json!({ "name": "reports" }));
    assert_eq!(made.send().await.unwrap().status(), StatusCode::OK);
    let upload = format!("{}/upload/storage/v1/b/reports/o", emulator.endpoint());
    for name in ["a/1", "a/b/2", "c"] {
        let sent = client.post(&upload).query(&[("uploadType", "media"), ("name", name)]).body("hello");
        assert_eq!(sent.send().await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(get(&base).await["items"][0]["name"], "reports");
    let list = get(&format!("{base}/reports/o?prefix=a/&delimiter=/")).await;
    assert_eq!((&list["items"][0]["name"], &list["prefixes"]), (&json!("a/1"), &json!(["a/b/"])));
    let object = get(&format!("{base}/reports/o/a%2F1")).await;
    assert_eq!((&object["size"], &object["crc32c"]), (&json!("5"), &json!("mnG7TA==")));
    let deleted = client.delete(format!("{base}/reports/o/c")).send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    assert_eq!(emulator.gcs().list("reports", ""), ["a/1", "a/b/2"]);
    assert_eq!(client.delete(format!("{base}/reports")).send().await.unwrap().status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn an_upload_says_how_far_it_is() {
    let emulator = Emulator::start().unwrap();
    emulator.gcs().create_bucket("reports").unwrap();
    let client = Client::new();
    let url = format!("{}/upload/storage/v1/b/reports/o?uploadType=resumable&name=x", emulator.endpoint());
    let started = client.post(url).header("host", "127.0.0.1").json(&json!({})).send().await.unwrap();
    let session = started.headers()["location"].to_str().unwrap().to_owned();
    assert!(session.starts_with(&emulator.endpoint()), "{session}");

    let put =
        |range: &str, body: Vec<u8>| client.put(&session).header("content-range", range).body(body).send();
    let unit = 256 << 10;
    let nothing = put("bytes */*", vec![]).await.unwrap();
    assert_eq!((nothing.status().as_u16(), nothing.headers().get("range")), (308, None));
    let odd = put("bytes 0-99/*", vec![1; 100]).await.unwrap();
    assert_eq!(odd.status(), StatusCode::BAD_REQUEST);
    let first = put("bytes 0-262143/*", vec![1; unit]).await.unwrap();
    assert_eq!(
        (first.status().as_u16(), &first.headers()["range"]),
        (308, &"bytes=0-262143".parse().unwrap())
    );
    let again = put("bytes 0-262143/*", vec![1; unit]).await.unwrap();
    assert_eq!(&again.headers()["range"], &"bytes=0-262143");
    let far = put("bytes 524288-524290/524291", vec![3; 3]).await.unwrap();
    assert_eq!(far.status(), StatusCode::BAD_REQUEST);
    let last = put("bytes 262144-262146/262147", vec![2; 3]).await.unwrap();
    assert_eq!(last.json::<Value>().await.unwrap()["size"], "262147");
    let done = put("bytes */262147", vec![]).await.unwrap();
    assert_eq!(
        (done.status(), emulator.gcs().read("reports", "x").unwrap().len()),
        (StatusCode::OK, 262_147)
    );
}

#[tokio::test]
async fn a_finished_object_is_announced() {
    let emulator = shop();
    emulator.gcs().create_bucket("reports").unwrap();
    let url = format!("{}/storage/v1/b/reports/notificationConfigs", emulator.endpoint());
    let topic = format!("//pubsub.googleapis.com/{TOPIC}");
    let config = json!({ "topic": topic, "object_name_prefix": "in/", "payload_format": "JSON_API_V1" });
    let made: Value = Client::new().post(&url).json(&config).send().await.unwrap().json().await.unwrap();
    assert_eq!((&made["id"], &made["topic"]), (&json!("1"), &json!(topic)));
    emulator.gcs().write("reports", "out/1", "x").unwrap();
    let object = emulator.gcs().write("reports", "in/1", "hello").unwrap();

    let messages = emulator.pubsub().unacked(SUBSCRIPTION).unwrap();
    assert_eq!(messages.len(), 1);
    let attributes = &messages[0].attributes;
    assert_eq!(attributes["eventType"], "OBJECT_FINALIZE");
    assert_eq!((attributes["bucketId"].as_str(), attributes["objectId"].as_str()), ("reports", "in/1"));
    assert_eq!(attributes["objectGeneration"], object.generation.to_string());
    assert_eq!(attributes["payloadFormat"], "JSON_API_V1");
    let payload: Value = serde_json::from_slice(&messages[0].data).unwrap();
    assert_eq!((&payload["name"], &payload["size"]), (&json!("in/1"), &json!("5")));
}
