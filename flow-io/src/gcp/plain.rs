use std::error::Error;
use std::fmt;

/// An error of Google's clients as it may be told. Theirs show whole URLs, in whose queries are keys and the names of
/// uploads, which let anybody write.
#[derive(Debug)]
pub(crate) struct Plain {
    text: String,
    cause: Option<Box<Plain>>,
}

impl Plain {
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let cause = error.source().map(|cause| Box::new(Plain::of(cause)));
        Plain { text: plain(&error.to_string()), cause }
    }
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Plain {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// A text whose URLs have neither user, password, query nor fragment.
pub(crate) fn plain(text: &str) -> String {
    let mut pieces = text.split("://");
    let mut told = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|c: char| c.is_whitespace() || "\"'`)>,".contains(c)).unwrap_or(piece.len());
        let (url, rest) = piece.split_at(end);
        let url = url.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = url.split_at(url.find('/').unwrap_or(url.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        told.extend(["://", host, path, rest]);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_told_without_secrets() {
        let told = plain(
            "error sending request for url (http://u:pw@h:1/up/o?upload_id=s3cret&a=b): no (https://h?k#f)",
        );
        assert_eq!(told, "error sending request for url (http://h:1/up/o): no (https://h)");
        assert_eq!(plain("what? a#b@c"), "what? a#b@c");
        assert_eq!(plain("ftp://u@h"), "ftp://h");
        assert_eq!(plain("gs://shop/a b"), "gs://shop/a b");
    }

    #[test]
    fn causes_are_told_too() {
        let inner = std::io::Error::other("of http://h/?inner");
        let outer = flow_core::Error::config("of http://h/?outer").caused_by(inner);
        let told = Plain::of(&outer);
        assert_eq!(told.to_string(), "of http://h/");
        assert_eq!(told.source().unwrap().to_string(), "of http://h/");
        assert!(!format!("{told:?}").contains("ner"));
    }
}
