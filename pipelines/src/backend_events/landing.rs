//! The landing tree: events as they are, in objects.

use flow_core::PCollection;
use flow_core::sink::Rejected;
use flow_io::files::{FileName, FilePath, JsonFiles};

use super::event::{DeadLetter, Event};
use super::object::EventObject;
use super::paths;
use super::pipeline::Settings;

/// How many events an object of the landing tree holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objects {
    /// Those of a minute, a line each.
    Minute,
    /// One.
    Event,
}

/// How many objects may be under way at a time: the minutes of a month and more.
const MOST_OBJECTS: usize = 200_000;

/// Writes every event to the landing tree; those that cannot be written come back.
pub(super) fn landing(events: &PCollection<Event>, settings: &Settings) -> PCollection<DeadLetter> {
    let objects = events.map(EventObject).named("object");
    let output = &settings.output;
    let refused = match settings.objects {
        Objects::Event => {
            objects.try_write(JsonFiles::each_under(&output.objects, event_path).on(&output.cloud))
        }
        Objects::Minute => {
            let root = JsonFiles::under(&output.objects).on(&output.cloud).max_files(MOST_OBJECTS);
            objects.try_write_by(
                |object| object.0.kind.clone(),
                move |kind| {
                    let kind = kind.clone();
                    root.clone().named(move |name| minute_path(&[], &kind, name))
                },
            )
        }
    };
    refused.map(|Rejected { value, destination, reason }| DeadLetter::refused(value.0, &destination, &reason))
}

/// The path of an event's own object, in the folders of its minute.
fn event_path(object: &EventObject) -> FilePath {
    let event = &object.0;
    let folders = paths::folders(&event.kind, event.at).into_iter();
    folders.fold(FilePath::new(), FilePath::dir).file(paths::event_object(event))
}

/// The path of a minute's object. Its shards are those of the events that came in time, then those of each time
/// that late ones came.
pub(super) fn minute_path(within: &[&str], kind: &str, name: FileName<'_>) -> FilePath {
    let start = name.window().start;
    let shard = name.shard() + name.part() * name.shards();
    let folders = within.iter().map(|folder| (*folder).to_owned()).chain(paths::folders(kind, start));
    folders.fold(FilePath::new(), FilePath::dir).file(paths::window_object(kind, start, shard as usize))
}
