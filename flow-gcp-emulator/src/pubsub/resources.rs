//! Topics and subscriptions: made, changed, ended.

use serde_json::{Map, Value};

use super::PubSub;
use super::settings::{Resource, Settings};
use crate::Refused;

impl PubSub {
    pub(crate) fn put_topic(&self, name: &str, mut resource: Resource) -> Result<Resource, Refused> {
        check_name(name)?;
        let mut state = self.state();
        if state.topics.contains_key(name) {
            return Err(Refused::exists(name));
        }
        resource.insert("name".into(), name.into());
        state.put_topic(name, resource.clone());
        Ok(resource)
    }

    pub(crate) fn update_topic(&self, name: &str, request: Resource) -> Result<Resource, Refused> {
        let mut state = self.state();
        let mut resource = state.topic(name)?.resource.clone();
        update(&mut resource, &request, "topic", &["name"])?;
        state.put_topic(name, resource.clone());
        Ok(resource)
    }

    pub(crate) fn drop_topic(&self, name: &str) -> Result<(), Refused> {
        let mut state = self.state();
        state.topic(name)?;
        state.drop_topic(name);
        Ok(())
    }

    pub(crate) fn put_subscription(&self, name: &str, mut resource: Resource) -> Result<Resource, Refused> {
        check_name(name)?;
        resource.insert("name".into(), name.into());
        let mut settings = Settings::read(resource)?;
        let mut state = self.state();
        let retains = state.topic(&settings.topic)?.resource.contains_key("messageRetentionDuration");
        if state.subscriptions.contains_key(name) {
            return Err(Refused::exists(name));
        }
        settings.retains |= retains;
        let resource = settings.resource.clone();
        state.put_subscription(name, settings);
        Ok(resource)
    }

    pub(crate) fn update_subscription(&self, name: &str, request: Resource) -> Result<Resource, Refused> {
        let mut state = self.state();
        let mut resource = state.subscription(name)?.settings.resource.clone();
        update(
            &mut resource,
            &request,
            "subscription",
            &["name", "topic", "filter", "enableMessageOrdering"],
        )?;
        let settings = Settings::read(resource)?;
        let resource = settings.resource.clone();
        state.put_subscription(name, settings);
        state.subscription(name)?.poke.notify_waiters();
        Ok(resource)
    }

    pub(crate) fn drop_subscription(&self, name: &str) -> Result<(), Refused> {
        let mut state = self.state();
        state.subscription(name)?;
        state.drop_subscription(name);
        Ok(())
    }
}

/// Takes the fields of the mask over from a request `{"topic": {..}, "updateMask": ".."}`.
fn update(resource: &mut Resource, request: &Resource, part: &str, fixed: &[&str]) -> Result<(), Refused> {
    let empty = Map::new();
    let new = request.get(part).and_then(Value::as_object).unwrap_or(&empty);
    let mask = request.get("updateMask").and_then(Value::as_str).unwrap_or_default();
    if mask.is_empty() {
        return Err(Refused::invalid("an update needs an updateMask"));
    }
    for path in mask.split(',') {
        let field = camel_case(path.split('.').next().unwrap_or_default());
        if fixed.contains(&field.as_str()) {
            return Err(Refused::invalid(format!("{field} cannot be changed")));
        }
        match new.get(&field) {
            Some(value) => drop(resource.insert(field, value.clone())),
            None => drop(resource.remove(&field)),
        }
    }
    Ok(())
}

/// Masks may have the names of either of the API's forms.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut chars = word.chars();
        out.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(chars.as_str());
    }
    out
}

/// `projects/{project}/topics/{id}`, by the service's rules for ids.
fn check_name(name: &str) -> Result<(), Refused> {
    let parts: Vec<&str> = name.split('/').collect();
    let good = match parts[..] {
        ["projects", project, "topics" | "subscriptions", id] => project.len() > 1 && is_id(id),
        _ => false,
    };
    if good {
        return Ok(());
    }
    Err(Refused::invalid(format!(
        "Invalid resource name given (name={name}): it is projects/PROJECT/topics/ID or \
         projects/PROJECT/subscriptions/ID, where an ID has 3 to 255 letters, digits and -_.~+%, begins with a letter \
         and not with goog"
    )))
}

fn is_id(id: &str) -> bool {
    (3..=255).contains(&id.len())
        && id.starts_with(|c: char| c.is_ascii_alphabetic())
        && !id.starts_with("goog")
        && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~+%".contains(c))
}
