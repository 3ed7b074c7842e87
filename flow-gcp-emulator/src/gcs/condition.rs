//! Preconditions on generations.

use std::collections::HashMap;

use super::object::Object;

/// What has to hold of the object that is there; no object has generation 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) generation: Option<i64>,
    pub(crate) not_generation: Option<i64>,
    pub(crate) metageneration: Option<i64>,
    pub(crate) not_metageneration: Option<i64>,
}

/// How a condition does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unmet {
    /// Something else is there.
    Differs,
    /// It is what the client has already.
    NotModified,
}

impl Condition {
    /// The parameters of the JSON API.
    pub(crate) fn of(params: &HashMap<String, String>) -> Self {
        let number = |name: &str| params.get(name).and_then(|n| n.parse().ok());
        Condition {
            generation: number("ifGenerationMatch"),
            not_generation: number("ifGenerationNotMatch"),
            metageneration: number("ifMetagenerationMatch"),
            not_metageneration: number("ifMetagenerationNotMatch"),
        }
    }

    pub(crate) fn check(self, there: Option<&Object>) -> Result<(), Unmet> {
        let generation = there.map_or(0, |object| object.generation);
        let metageneration = there.map_or(0, |object| object.metageneration);
        let differs = |wanted: Option<i64>, is: i64| wanted.is_some_and(|wanted| wanted != is);
        if differs(self.generation, generation) || differs(self.metageneration, metageneration) {
            return Err(Unmet::Differs);
        }
        if self.not_generation == Some(generation) || self.not_metageneration == Some(metageneration) {
            return Err(Unmet::NotModified);
        }
        Ok(())
    }
}
