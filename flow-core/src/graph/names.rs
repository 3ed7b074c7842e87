use std::collections::BTreeMap;

/// Unique names of steps: the verb and its ordinal, within the composites that it stands in.
#[derive(Debug, Default)]
pub(super) struct Names {
    scopes: Vec<String>,
    taken: BTreeMap<String, u32>,
}

impl Names {
    pub(super) fn fresh(&mut self, verb: &str) -> String {
        let base = self.scoped(verb);
        loop {
            let ordinal = self.taken.entry(base.clone()).or_default();
            *ordinal += 1;
            let name = if *ordinal == 1 { base.clone() } else { format!("{base}-{ordinal}") };
            if name == base || !self.taken.contains_key(&name) {
                self.taken.entry(name.clone()).or_insert(1);
                return name;
            }
        }
    }

    /// A name chosen by the user; an error if it is taken.
    pub(super) fn claim(&mut self, name: &str) -> Result<String, String> {
        let name = self.scoped(name);
        if self.taken.insert(name.clone(), 1).is_some() {
            return Err(format!(
                "two steps are named `{name}`: names tell steps apart in reports and in saved state, so choose another"
            ));
        }
        Ok(name)
    }

    pub(super) fn enter(&mut self, scope: &str) {
        let scope = self.fresh(scope);
        self.scopes.push(scope);
    }

    pub(super) fn leave(&mut self) {
        self.scopes.pop();
    }

    fn scoped(&self, name: &str) -> String {
        self.scopes.last().map_or_else(|| name.to_owned(), |scope| format!("{scope}/{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn names_are_the_verb_and_its_ordinal() {
        let mut names = Names::default();
        assert_eq!(
            ["map", "map", "filter", "map"].map(|v| names.fresh(v)),
            ["map", "map-2", "filter", "map-3"]
        );
    }

    #[test]
    fn a_composite_scopes_the_names_inside() {
        let mut names = Names::default();
        names.enter("count words");
        assert_eq!(names.fresh("map"), "count words/map");
        names.leave();
        names.enter("count words");
        assert_eq!(names.fresh("map"), "count words-2/map");
    }

    #[test]
    fn a_chosen_name_is_refused_the_second_time() {
        let mut names = Names::default();
        assert!(names.claim("parse").is_ok());
        assert!(names.claim("parse").unwrap_err().contains("two steps are named `parse`"));
    }

    #[test]
    fn an_ordinal_steps_aside_for_a_chosen_name() {
        let mut names = Names::default();
        names.claim("map-2").unwrap();
        assert_eq!(["map", "map"].map(|v| names.fresh(v)), ["map", "map-3"]);
    }
}
