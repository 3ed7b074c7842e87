use super::cloud::{is_private, with_scheme, without_secrets};
use super::plain;

/// What stands for a secret.
const CANARY: &str = "cAnArY7f3a";

/// An endpoint without encryption is on this machine, by whatever reads the URL, and no URL is told with its secrets.
pub fn endpoint(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let url = with_scheme(text);
    if is_private(&url).unwrap_or(false) && url.starts_with("http://") {
        assert!(is_here(&url), "{url:?} is not on this machine");
    }
    let here = |secret: &str| [format!("http://u:{secret}{text}@h/x"), format!("http://h/{text}?k={secret}")];
    for url in here(CANARY) {
        let told = without_secrets(&url);
        assert!(!told.contains(CANARY), "{url:?} is told as {told:?}");
    }
    in_a_sentence(text);
}

fn in_a_sentence(text: &str) {
    // Nothing of a URL has these.
    if text.contains(|c: char| c.is_whitespace() || "\"`<>".contains(c)) {
        return;
    }
    let password = (!text.contains(['/', '?', '#'])).then(|| format!("u:{CANARY}{text}@h/x"));
    let others = [format!("h/x?k={text}{CANARY}"), format!("h#{text}{CANARY}")];
    for url in password.into_iter().chain(others) {
        let told = plain(&format!("cannot reach (http://{url}), and so on"));
        assert!(!told.contains(CANARY), "{url:?} is told as {told:?}");
        assert!(told.ends_with(" and so on"));
    }
}

/// As those read it that connect.
#[cfg(feature = "bigquery")]
fn is_here(url: &str) -> bool {
    let is_loopback = |host: &str| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    let by_reqwest = reqwest::Url::parse(url);
    let by_tonic = url.parse::<tonic::codegen::http::Uri>();
    by_reqwest.map_or(true, |url| url.host_str().is_some_and(is_loopback))
        && by_tonic.map_or(true, |url| url.host().is_some_and(is_loopback))
}

#[cfg(not(feature = "bigquery"))]
fn is_here(_: &str) -> bool {
    true
}
