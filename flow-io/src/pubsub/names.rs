//! Names of topics and subscriptions.

use std::fmt;

use flow_core::{Error, Result};

use crate::gcp::check_id;

/// `projects/P/topics/T`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Topic(Name);

/// `projects/P/subscriptions/S`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subscription(Name);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    full: String,
    project: String,
    id: String,
}

impl Topic {
    pub(super) fn parse(name: &str) -> Result<Self> {
        Name::parse("topic", "topics", name).map(Topic)
    }

    /// The command that makes it.
    pub(super) fn create(&self) -> String {
        format!("gcloud pubsub topics create {} --project {}", self.0.id, self.0.project)
    }

    /// The command that lets somebody publish.
    pub(super) fn allow(&self) -> String {
        let Name { project, id, .. } = &self.0;
        format!(
            "gcloud pubsub topics add-iam-policy-binding {id} --project {project} --member MEMBER --role \
             roles/pubsub.publisher"
        )
    }

    /// A subscription beside it, told from others by a number.
    pub(super) fn subscription(&self, number: u64) -> Subscription {
        let Name { project, id, .. } = &self.0;
        let id: String = id.chars().take(200).collect();
        let id = format!("flow-{id}-{number:x}");
        let full = format!("projects/{project}/subscriptions/{id}");
        Subscription(Name { full, project: project.clone(), id })
    }
}

impl Subscription {
    pub(super) fn parse(name: &str) -> Result<Self> {
        Name::parse("subscription", "subscriptions", name).map(Subscription)
    }

    /// The command that makes it.
    pub(super) fn create(&self) -> String {
        let Name { project, id, .. } = &self.0;
        format!("gcloud pubsub subscriptions create {id} --project {project} --topic TOPIC")
    }

    /// The command that lets somebody read.
    pub(super) fn allow(&self) -> String {
        let Name { project, id, .. } = &self.0;
        format!(
            "gcloud pubsub subscriptions add-iam-policy-binding {id} --project {project} --member MEMBER --role \
             roles/pubsub.subscriber"
        )
    }
}

impl Name {
    fn parse(kind: &str, plural: &str, name: &str) -> Result<Self> {
        let mut parts = name.split('/');
        let (Some("projects"), Some(project), Some(found), Some(id), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong(kind, plural, name));
        };
        if found != plural {
            return Err(wrong(kind, plural, name));
        }
        check_id("project", project, "-_.:", 100)?;
        check_id(&format!("{kind} of Pub/Sub"), id, "-_.~+%", 255)?;
        Ok(Name { full: name.to_owned(), project: project.to_owned(), id: id.to_owned() })
    }
}

fn wrong(kind: &str, plural: &str, name: &str) -> Error {
    let shown: String = name.chars().take(80).collect();
    Error::config(format!("{shown:?} names no {kind}: wanted projects/PROJECT/{plural}/ID"))
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.full)
    }
}

impl fmt::Display for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_project_and_id() {
        let orders = Subscription::parse("projects/shop/subscriptions/orders").unwrap();
        assert_eq!(orders.to_string(), "projects/shop/subscriptions/orders");
        assert_eq!(orders.create(), "gcloud pubsub subscriptions create orders --project shop --topic TOPIC");
        let beside = Topic::parse("projects/shop/topics/orders").unwrap().subscription(255);
        assert_eq!(beside.to_string(), "projects/shop/subscriptions/flow-orders-ff");
    }

    #[test]
    fn what_is_no_name_is_said() {
        let error = |name| Subscription::parse(name).unwrap_err().to_string();
        assert_eq!(
            error("projects/shop/topics/orders"),
            "\"projects/shop/topics/orders\" names no subscription: wanted projects/PROJECT/subscriptions/ID"
        );
        for wrong in ["", "orders", "projects/shop/subscriptions/a/b", "projects/../subscriptions/a"] {
            assert!(Subscription::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(error("projects/shop/subscriptions/a?b").contains("no subscription of Pub/Sub"));
    }
}
