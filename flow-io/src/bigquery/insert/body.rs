use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

/// The body of a request, compressed as the client would do it, but without a tree of values in between.
///
/// The valid rows of a request are to be inserted though others are not: one request instead of two, and the outcome
/// is the same.
pub(super) fn body<'a>(rows: impl Iterator<Item = (&'a str, &'a [u8])>) -> io::Result<Vec<u8>> {
    let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
    zip.write_all(br#"{"skipInvalidRows":true,"ignoreUnknownValues":false,"rows":["#)?;
    for (at, (id, json)) in rows.enumerate() {
        zip.write_all(if at == 0 { br#"{"insertId":"# } else { br#",{"insertId":"# })?;
        serde_json::to_writer(&mut zip, id)?;
        zip.write_all(br#","json":"#)?;
        zip.write_all(json)?;
        zip.write_all(b"}")?;
    }
    zip.write_all(b"]}")?;
    zip.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn rows_stand_in_the_body_as_they_are() {
        let rows: [(&str, &[u8]); 2] = [("a\"1", br#"{"n":1}"#), ("b", br#"{"n":2}"#)];
        let mut text = String::new();
        let zipped = body(rows.into_iter()).unwrap();
        flate2::read::GzDecoder::new(zipped.as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!(
            text,
            r#"{"skipInvalidRows":true,"ignoreUnknownValues":false,"rows":[{"insertId":"a\"1","json":{"n":1}},{"insertId":"b","json":{"n":2}}]}"#
        );
    }
}
