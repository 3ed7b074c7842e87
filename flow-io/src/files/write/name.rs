use std::fmt::{self, Display, Write as _};

use flow_core::Timestamp;
use flow_core::window::Window;
use jiff::civil::DateTime;

/// What a file's name may depend on: its window, its shard and its part, and nothing else, so that a rerun finds
/// the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileName<'a> {
    pub(super) window: Window,
    pub(super) shard: u32,
    pub(super) shards: u32,
    pub(super) part: u32,
    pub(super) extension: &'a str,
}

impl FileName<'_> {
    /// The window whose elements the file holds.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The start of the window, in UTC; the first or last moment of the calendar where it has no such date.
    ///
    /// ```
    /// use flow_io::files::{FilePath, JsonFiles};
    /// let orders = JsonFiles::under("output").named(|name| {
    ///     let start = name.start();
    ///     FilePath::new()
    ///         .dir("order")
    ///         .dir(start.strftime("%Y"))
    ///         .dir(start.strftime("%m"))
    ///         .file(format_args!("order_{}{:04}.json", start.strftime("%Y%m%d%H%M"), name.shard()))
    /// });
    /// ```
    pub fn start(&self) -> DateTime {
        let out_of_range = if self.window.start.micros() < 0 { DateTime::MIN } else { DateTime::MAX };
        self.window.start.to_utc().unwrap_or(out_of_range)
    }

    /// The shard, from 1.
    pub fn shard(&self) -> u32 {
        self.shard
    }

    /// How many shards there are.
    pub fn shards(&self) -> u32 {
        self.shards
    }

    /// 0 for the file that is written on time, and more for those of elements that come later. A name that leaves
    /// it out gets `-1`, `-2` before its extension.
    pub fn part(&self) -> u32 {
        self.part
    }
}

/// The name used unless another is given: `data-00001-of-00001.jsonl`,
/// `20250208T130900Z-20250208T131000Z-00001-of-00001-1.jsonl`.
impl Display for FileName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.window.is_global() {
            f.write_str("data")?;
        } else {
            write!(f, "{}-{}", Compact(self.window.start), Compact(self.window.end))?;
        }
        write!(f, "-{:05}-of-{:05}", self.shard, self.shards)?;
        if self.part > 0 {
            write!(f, "-{}", self.part)?;
        }
        write!(f, ".{}", self.extension)
    }
}

/// A moment without the colons of RFC 3339.
struct Compact(Timestamp);

impl Display for Compact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_utc() {
            Some(at) if at.subsec_nanosecond() == 0 => write!(f, "{}Z", at.strftime("%Y%m%dT%H%M%S")),
            Some(at) => write!(f, "{}Z", at.strftime("%Y%m%dT%H%M%S.%6f")),
            None => write!(f, "{}us", self.0.micros()),
        }
    }
}

/// A path beneath a sink's root, part by part.
///
/// Each part is confined: characters outside `[A-Za-z0-9._=-]`, and a leading dot, are percent-encoded, so that
/// data cannot lead out of the root, hide a file or break a listing. Elements whose path has a part that is empty,
/// `.`, `..` or longer than 128 bytes are refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePath {
    dirs: Vec<String>,
    file: Option<String>,
}

impl FilePath {
    /// The root, and the default name in it.
    pub fn new() -> Self {
        FilePath::default()
    }

    /// Goes into a directory.
    pub fn dir(mut self, name: impl Display) -> Self {
        self.dirs.push(name.to_string());
        self
    }

    /// Names the file; without this it gets the default name.
    pub fn file(mut self, name: impl Display) -> Self {
        self.file = Some(name.to_string());
        self
    }

    /// The confined parts of a path that has no other name.
    pub(super) fn alone(self) -> Result<Vec<String>, String> {
        let file = self.file.unwrap_or_else(|| "data".to_owned());
        self.dirs.iter().chain([&file]).map(|part| confine(part)).collect()
    }

    /// The confined parts, the file's name last; or why there are none.
    pub(super) fn confined(self, within: &[String], default: FileName<'_>) -> Result<Vec<String>, String> {
        let file = self.file.unwrap_or_else(|| default.to_string());
        within.iter().chain(&self.dirs).chain([&file]).map(|part| confine(part)).collect()
    }
}

/// The longest part of a path, in bytes.
const LONGEST: usize = 128;

/// Makes one part of a path out of any text, without two texts becoming the same part.
fn confine(part: &str) -> Result<String, String> {
    if matches!(part, "" | "." | "..") {
        return Err(format!("`{part}` cannot be a part of a file's path"));
    }
    let mut confined = String::with_capacity(part.len());
    for (at, byte) in part.bytes().enumerate() {
        match byte {
            b'.' if at > 0 => confined.push('.'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'=' | b'-' => confined.push(char::from(byte)),
            _ => write!(confined, "%{byte:02X}").expect("text takes everything"),
        }
    }
    if confined.len() > LONGEST {
        let head: String = part.chars().take(32).collect();
        return Err(format!(
            "`{head}...` is too long for a part of a file's path: more than {LONGEST} bytes"
        ));
    }
    Ok(confined)
}

/// The name of another part for a naming that left the part out: `a.json` becomes `a-1.json`.
pub(super) fn with_part(name: &str, part: u32, extension: &str) -> String {
    let dot = name.strip_suffix(extension).and_then(|stem| stem.strip_suffix('.')).map(str::len);
    let dot = dot.or_else(|| name.rfind('.')).filter(|at| *at > 0);
    let (stem, rest) = name.split_at(dot.unwrap_or(name.len()));
    format!("{stem}-{part}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(window: Window, part: u32) -> FileName<'static> {
        FileName { window, shard: 1, shards: 2, part, extension: "jsonl" }
    }

    fn minute() -> Window {
        let start: Timestamp = "2025-02-08T13:09:00Z".parse().unwrap();
        Window::new(start, start.offset_micros(60_000_000))
    }

    #[test]
    fn the_default_name_says_window_shard_and_part() {
        assert_eq!(name(Window::GLOBAL, 0).to_string(), "data-00001-of-00002.jsonl");
        assert_eq!(name(Window::GLOBAL, 3).to_string(), "data-00001-of-00002-3.jsonl");
        assert_eq!(name(minute(), 0).to_string(), "20250208T130900Z-20250208T131000Z-00001-of-00002.jsonl");
        let odd = Window::new(Timestamp::from_micros(1), Timestamp::MAX);
        let wanted = "19700101T000000.000001Z-9223372036854775000us-00001-of-00002.jsonl";
        assert_eq!(name(odd, 0).to_string(), wanted);
    }

    #[test]
    fn the_global_window_has_a_start_in_the_calendar() {
        assert_eq!(name(Window::GLOBAL, 0).start(), DateTime::MIN);
        assert_eq!(name(minute(), 0).start().to_string(), "2025-02-08T13:09:00");
    }

    #[test]
    fn parts_are_confined() {
        assert_eq!(confine("day=2025-02-08").unwrap(), "day=2025-02-08");
        assert_eq!(confine("../../etc/passwd").unwrap(), "%2E.%2F..%2Fetc%2Fpasswd");
        assert_eq!(confine(".bashrc").unwrap(), "%2Ebashrc");
        assert_eq!(confine("a b\n\0é%").unwrap(), "a%20b%0A%00%C3%A9%25");
    }

    #[test]
    fn parts_that_mean_a_directory_or_nothing_and_endless_ones_are_refused() {
        for part in ["", ".", ".."] {
            assert_eq!(confine(part).unwrap_err(), format!("`{part}` cannot be a part of a file's path"));
        }
        assert_eq!(confine(&"x".repeat(128)).unwrap().len(), 128);
        let reason = confine(&"x".repeat(129)).unwrap_err();
        assert!(reason.ends_with("is too long for a part of a file's path: more than 128 bytes"), "{reason}");
    }

    #[test]
    fn a_part_goes_before_the_extension() {
        assert_eq!(with_part("a.json", 1, "jsonl"), "a-1.json");
        assert_eq!(with_part("a.b.tar.gz", 1, "tar.gz"), "a.b-1.tar.gz");
        assert_eq!(with_part("a", 1, "jsonl"), "a-1");
    }
}
