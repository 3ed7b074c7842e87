use std::path::{Component, Path};

use super::FilePath;
use super::name::with_part;

/// The path that data makes stays beneath its root, and no two texts make the same part. Each line of the data is a
/// part; the last one is the file's name.
pub fn file_path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let given: Vec<&str> = text.split('\u{1}').collect();
    let Some((file, dirs)) = given.split_last() else { return };
    let path = dirs.iter().fold(FilePath::new(), FilePath::dir).file(file);
    let Ok(parts) = path.alone() else { return };
    assert_eq!(parts.len(), given.len());
    for (part, given) in parts.iter().zip(&given) {
        assert!(is_confined(part) && part.len() <= 128, "{part:?}");
        assert_eq!(decoded(part), given.as_bytes(), "{part:?}");
    }
    let name = parts.last().expect("a path has a name");
    let next = with_part(name, 1, "jsonl");
    assert!(is_confined(&next) && next != *name, "{next:?}");

    let whole = parts.iter().fold(Path::new("/root").to_owned(), |path, part| path.join(part));
    let beneath = whole.strip_prefix("/root").expect("it stays beneath its root");
    assert!(beneath.components().all(|part| matches!(part, Component::Normal(_))), "{}", whole.display());
    assert_eq!(beneath.components().count(), given.len());
}

fn is_confined(part: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._=-%".contains(&byte);
    !part.is_empty() && !part.starts_with('.') && part.bytes().all(allowed)
}

fn decoded(part: &str) -> Vec<u8> {
    let mut pieces = part.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (hex, rest) = piece.split_at(2);
        bytes.push(u8::from_str_radix(hex, 16).expect("two digits are behind a percent sign"));
        bytes.extend(rest.as_bytes());
    }
    bytes
}
