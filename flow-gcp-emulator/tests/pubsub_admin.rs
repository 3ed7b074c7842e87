//! Topics and subscriptions as resources.

mod common;

use common::{SUBSCRIPTION, TOPIC, shop, subscriptions, topics};
use flow_gcp_emulator::Emulator;
use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::paginator::ItemPaginator;
use google_cloud_pubsub::model::Subscription;
use google_cloud_wkt::FieldMask;

#[tokio::test]
async fn a_topic_is_made_once_found_and_deleted() {
    let emulator = Emulator::start().unwrap();
    let topics = topics(&emulator).await;
    assert_eq!(topics.create_topic().set_name(TOPIC).send().await.unwrap().name, TOPIC);
    let error = topics.create_topic().set_name(TOPIC).send().await.unwrap_err();
    assert_eq!(error.http_status_code(), Some(409));
    assert_eq!(error.status().unwrap().code, Code::AlreadyExists);
    assert_eq!(topics.get_topic().set_topic(TOPIC).send().await.unwrap().name, TOPIC);
    topics.delete_topic().set_topic(TOPIC).send().await.unwrap();
    let error = topics.get_topic().set_topic(TOPIC).send().await.unwrap_err();
    assert_eq!((error.http_status_code(), error.status().unwrap().code), (Some(404), Code::NotFound));
    assert_eq!(emulator.calls("pubsub.admin.createTopic"), 2);
    assert_eq!(emulator.calls("pubsub.admin.getTopic"), 2);
}

#[tokio::test]
async fn topics_are_listed_in_pages() {
    let emulator = Emulator::start().unwrap();
    for n in 0..5 {
        emulator.pubsub().create_topic(&format!("projects/shop/topics/topic-{n}")).unwrap();
    }
    emulator.pubsub().create_topic("projects/other/topics/topic-0").unwrap();
    let topics = topics(&emulator).await;
    let mut items = topics.list_topics().set_project("projects/shop").set_page_size(2).by_item();
    let mut names = Vec::new();
    while let Some(topic) = items.next().await {
        names.push(topic.unwrap().name);
    }
    assert_eq!(names, (0..5).map(|n| format!("projects/shop/topics/topic-{n}")).collect::<Vec<_>>());
    assert_eq!(emulator.calls("pubsub.admin.listTopics"), 3);
}

#[tokio::test]
async fn a_subscription_has_the_defaults_of_the_service() {
    let emulator = shop();
    let subscriptions = subscriptions(&emulator).await;
    let name = "projects/shop/subscriptions/more";
    let made = subscriptions.create_subscription().set_name(name).set_topic(TOPIC).send().await.unwrap();
    assert_eq!((made.ack_deadline_seconds, made.topic.as_str()), (10, TOPIC));
    assert!(!made.enable_exactly_once_delivery);
    let error = subscriptions.create_subscription().set_name(name).set_topic(TOPIC).send().await.unwrap_err();
    assert_eq!(error.status().unwrap().code, Code::AlreadyExists);
    let names = topics(&emulator).await.list_topic_subscriptions().set_topic(TOPIC).send().await.unwrap();
    assert_eq!(names.subscriptions, [SUBSCRIPTION, name]);
    subscriptions.delete_subscription().set_subscription(name).send().await.unwrap();
    let error = subscriptions.get_subscription().set_subscription(name).send().await.unwrap_err();
    assert_eq!(error.status().unwrap().code, Code::NotFound);
}

#[tokio::test]
async fn a_subscription_needs_a_topic_that_exists() {
    let emulator = Emulator::start().unwrap();
    let create = subscriptions(&emulator).await.create_subscription();
    let error = create.set_name(SUBSCRIPTION).set_topic(TOPIC).send().await.unwrap_err();
    assert_eq!(error.status().unwrap().code, Code::NotFound);
}

#[tokio::test]
async fn a_subscription_can_be_changed_but_for_its_topic() {
    let emulator = shop();
    let subscriptions = subscriptions(&emulator).await;
    let changed = || Subscription::new().set_name(SUBSCRIPTION).set_ack_deadline_seconds(60);
    let update = |path: &str| {
        let mask = FieldMask::default().set_paths([path]);
        subscriptions.update_subscription().set_subscription(changed()).set_update_mask(mask)
    };
    assert_eq!(update("ack_deadline_seconds").send().await.unwrap().ack_deadline_seconds, 60);
    let found = subscriptions.get_subscription().set_subscription(SUBSCRIPTION).send().await.unwrap();
    assert_eq!((found.ack_deadline_seconds, found.topic.as_str()), (60, TOPIC));
    let error = update("topic").send().await.unwrap_err();
    assert_eq!(error.status().unwrap().code, Code::InvalidArgument);
}

#[tokio::test]
async fn a_subscription_outlives_its_topic() {
    let emulator = shop();
    emulator.pubsub().publish(TOPIC, "one", &[]).unwrap();
    topics(&emulator).await.delete_topic().set_topic(TOPIC).send().await.unwrap();
    let found = subscriptions(&emulator).await.get_subscription().set_subscription(SUBSCRIPTION).send().await;
    assert_eq!(found.unwrap().topic, "_deleted-topic_");
    assert_eq!(emulator.pubsub().backlog(SUBSCRIPTION).unwrap().unacked, 1);
}

#[test]
fn names_follow_the_rules_of_the_service() {
    let pubsub = Emulator::start().unwrap().pubsub();
    for bad in ["orders", "projects/p/topics/orders", "projects/shop/topics/t", "projects/shop/topics/google"]
    {
        let said = pubsub.create_topic(bad).unwrap_err().to_string();
        assert!(said.starts_with(&format!("Invalid resource name given (name={bad})")), "{said}");
    }
}
