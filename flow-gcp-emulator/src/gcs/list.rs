//! Listing: prefixes, delimiters, pages.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::object::Object;
use super::objects::Objects;
use crate::Refused;

/// What to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    pub(crate) prefix: String,
    /// What comes after a delimiter that comes after the prefix is cut off.
    pub(crate) delimiter: String,
    /// Names from here on.
    pub(crate) start: String,
    /// Names before this one, unless it is empty.
    pub(crate) end: String,
    /// 0 is a thousand.
    pub(crate) page_size: usize,
    /// The last name, or cut name, of the page before.
    pub(crate) page_token: String,
}

/// One page.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Object>,
    pub(crate) prefixes: BTreeSet<String>,
    /// Empty on the last page.
    pub(crate) next: String,
}

impl Objects {
    pub(crate) fn page(&self, bucket: &str, listing: &Listing) -> Result<Page, Refused> {
        let mut state = self.state();
        let objects = &state.bucket(bucket)?.objects;
        let size = if listing.page_size == 0 { 1_000 } else { listing.page_size };
        let (mut page, mut last) = (Page::default(), String::new());
        for (name, object) in objects.range::<str, _>((listing.from(), Bound::Unbounded)) {
            if !name.starts_with(&listing.prefix) || !listing.end.is_empty() && *name >= listing.end {
                break;
            }
            let cut = listing.cut(name);
            if cut.is_some_and(|cut| cut == listing.page_token || page.prefixes.contains(cut)) {
                continue;
            }
            if page.objects.len() + page.prefixes.len() == size {
                page.next = last;
                break;
            }
            cut.unwrap_or(name).clone_into(&mut last);
            match cut {
                Some(cut) => drop(page.prefixes.insert(cut.to_owned())),
                None => page.objects.push(object.clone()),
            }
        }
        Ok(page)
    }
}

impl Listing {
    fn from(&self) -> Bound<&str> {
        let first = self.prefix.as_str().max(&self.start);
        if self.page_token.as_str() >= first && !self.page_token.is_empty() {
            Bound::Excluded(&self.page_token)
        } else {
            Bound::Included(first)
        }
    }

    fn cut<'a>(&self, name: &'a str) -> Option<&'a str> {
        if self.delimiter.is_empty() {
            return None;
        }
        let at = name[self.prefix.len()..].find(&self.delimiter)?;
        Some(&name[..self.prefix.len() + at + self.delimiter.len()])
    }
}
