//! Bodies in parts.

use bytes::Bytes;

/// The contents of the parts of a `multipart/related` body; none if it is malformed.
pub(crate) fn parts(body: &Bytes, content_type: &str) -> Option<Vec<Bytes>> {
    let boundary = content_type.split("boundary=").nth(1)?.split(';').next()?.trim_matches(['"', '\'', ' ']);
    let first = format!("--{boundary}");
    let next = format!("\r\n--{boundary}");
    let mut rest = body.slice(find(body, first.as_bytes())? + first.len()..);
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        let content = find(&rest, b"\r\n\r\n")? + 4;
        let end = content - 2 + find(&rest[content - 2..], next.as_bytes())?;
        parts.push(rest.slice(content.min(end)..end.max(content)));
        rest = rest.slice(end + next.len()..);
    }
    Some(parts)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    let first = what.first()?;
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| byte == first) {
        if text[from + at..].starts_with(what) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts_of(body: &str) -> Option<Vec<String>> {
        let parts = parts(&Bytes::copy_from_slice(body.as_bytes()), "multipart/related; boundary=\"xyz\"")?;
        Some(parts.iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect())
    }

    #[test]
    fn a_body_is_cut_at_its_boundaries() {
        let body = "--xyz\r\na: b\r\n\r\n{}\r\n--xyz\r\nc: d\r\n\r\nline\r\n\r\n--xy\r\n--xyz--\r\n";
        assert_eq!(parts_of(body).unwrap(), ["{}", "line\r\n\r\n--xy"]);
    }

    #[test]
    fn a_part_may_be_empty() {
        assert_eq!(parts_of("--xyz\r\na: b\r\n\r\n\r\n--xyz--").unwrap(), [""]);
    }

    #[test]
    fn a_body_that_ends_too_early_is_malformed() {
        assert_eq!(parts_of("--xyz\r\na: b\r\n\r\n{}"), None);
        assert_eq!(parts_of("nothing"), None);
    }
}
