use std::collections::{BTreeMap, BTreeSet};
use std::panic::Location;

/// A composite's number in its pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScopeId(usize);

impl ScopeId {
    pub(super) fn number(self) -> usize {
        self.0
    }
}

/// Unique names of steps: the verb and its ordinal, within the composites that it stands in.
#[derive(Debug, Default)]
pub(super) struct Names {
    scopes: Vec<Scope>,
    /// The composites under construction, from the outermost to the innermost.
    open: Vec<ScopeId>,
    taken: BTreeMap<String, u32>,
    /// Which of them the user chose.
    chosen: BTreeSet<String>,
}

#[derive(Debug)]
struct Scope {
    /// Its unique name, with those that it stands in.
    name: String,
    within: Vec<ScopeId>,
    /// The caller, if the composite is a verb of ours: its steps are written nowhere else in the user's program.
    location: Option<&'static Location<'static>>,
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

    /// A name chosen by the user in place of an old one; an error if it is another's.
    pub(super) fn claim(&mut self, name: &str, old: &str) -> Result<String, String> {
        let name = self.scoped(name);
        if name == old {
            return Ok(name);
        }
        if self.taken.contains_key(&name) {
            return Err(format!(
                "two steps are named `{name}`: names tell steps apart in plans and in reports, so choose another"
            ));
        }
        // Given names are free again; ordinals are not, so that naming a step renames no other.
        if self.chosen.remove(old) {
            self.taken.remove(old);
        }
        self.taken.insert(name.clone(), 1);
        self.chosen.insert(name.clone());
        Ok(name)
    }

    pub(super) fn enter(&mut self, scope: &str, location: Option<&'static Location<'static>>) {
        let name = self.fresh(scope);
        let id = ScopeId(self.scopes.len());
        self.scopes.push(Scope { name, within: self.open.clone(), location });
        self.open.push(id);
    }

    pub(super) fn leave(&mut self) {
        self.open.pop();
    }

    /// The composites under construction, from the outermost to the innermost.
    pub(super) fn open(&self) -> &[ScopeId] {
        &self.open
    }

    /// Where the user called the outermost verb of ours that is under construction.
    pub(super) fn caller(&self) -> Option<&'static Location<'static>> {
        self.open.iter().find_map(|scope| self.scopes[scope.0].location)
    }

    pub(super) fn scope(&self, id: ScopeId) -> &str {
        &self.scopes[id.0].name
    }

    /// Gives a composite a name chosen by the user; returns the names before and after.
    pub(super) fn rename(&mut self, id: ScopeId, name: &str) -> Result<(String, String), String> {
        let old = self.scopes[id.0].name.clone();
        let new = self.claim(name, &old)?;
        for (at, scope) in self.scopes.iter_mut().enumerate() {
            if at == id.0 || scope.within.contains(&id) {
                scope.name = moved(&scope.name, &old, &new);
            }
        }
        Ok((old, new))
    }

    fn scoped(&self, name: &str) -> String {
        self.open.last().map_or_else(|| name.to_owned(), |scope| format!("{}/{name}", self.scope(*scope)))
    }
}

/// The name of something in a composite after the composite's name changed.
pub(super) fn moved(name: &str, old: &str, new: &str) -> String {
    format!("{new}{}", name.strip_prefix(old).expect("what stands in a composite has its name in front"))
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
        names.enter("count words", None);
        assert_eq!(names.fresh("map"), "count words/map");
        names.leave();
        names.enter("count words", None);
        assert_eq!(names.fresh("map"), "count words-2/map");
    }

    #[test]
    fn a_chosen_name_is_refused_the_second_time() {
        let mut names = Names::default();
        assert!(names.claim("parse", "map").is_ok());
        assert!(names.claim("parse", "map-2").unwrap_err().contains("two steps are named `parse`"));
    }

    #[test]
    fn a_chosen_name_is_free_again_when_its_step_takes_another() {
        let mut names = Names::default();
        names.claim("parse", "map").unwrap();
        names.claim("decode", "parse").unwrap();
        assert!(names.claim("parse", "map-2").is_ok());
    }

    #[test]
    fn an_ordinal_steps_aside_for_a_chosen_name() {
        let mut names = Names::default();
        names.claim("map-2", "filter").unwrap();
        assert_eq!(["map", "map"].map(|v| names.fresh(v)), ["map", "map-3"]);
    }
}
