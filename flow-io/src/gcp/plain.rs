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

/// A text whose URLs have neither user, password, query nor fragment. A URL may have brackets, commas and quotes in each of
/// these: it goes on to the next blank, and only signs at its very end are the sentence's.
pub(crate) fn plain(text: &str) -> String {
    let mut told = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, from) = rest.split_at(at + 3);
        let end = from.find(|c: char| c.is_whitespace() || "\"`<>".contains(c)).unwrap_or(from.len());
        let (url, behind) = from.split_at(end);
        let bare = url.trim_end_matches(|c: char| ")]}',:;.".contains(c));
        told.push_str(before);
        tell(bare, &mut told);
        told.push_str(&url[bare.len()..]);
        rest = behind;
    }
    told + rest
}

/// Tells what of a URL, and of those within its path, is no secret.
fn tell(url: &str, told: &mut String) {
    let place = url.split(['?', '#']).next().unwrap_or_default();
    for (number, piece) in place.split("://").enumerate() {
        let (authority, path) = piece.split_at(piece.find('/').unwrap_or(piece.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        told.extend([if number > 0 { "://" } else { "" }, host, path]);
    }
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
        assert_eq!(plain("(http://u:p),w'x@h/a), next"), "(http://h/a), next");
        assert_eq!(plain("at http://h/?a=1,b=2)c&to=http://u:p@x/y: gone"), "at http://h/: gone");
        assert_eq!(plain("of http://h/http://u:p@x/y?z"), "of http://h/http://x/y");
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
