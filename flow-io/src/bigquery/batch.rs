use flow_core::Meta;
use prost_types::DescriptorProto;
use serde::Serialize;

use super::encode::{ChangeType, JsonColumns, JsonRows, ProtoRows};
use super::settings::{Change, Settings, Way};
use super::{Schema, SchemaError};

/// A row in the form that it is sent in.
#[derive(Clone, Debug)]
pub(super) struct Row<T> {
    pub(super) bytes: Vec<u8>,
    /// The element, to be given back if the row is refused; a row that was taken once is not refused again.
    pub(super) origin: Option<(T, Meta)>,
}

/// Rows that are sent together.
#[derive(Debug)]
pub(super) struct Batch<T> {
    pub(super) rows: Vec<Row<T>>,
    pub(super) bytes: usize,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Batch { rows: Vec::new(), bytes: 0 }
    }
}

impl<T> Batch<T> {
    pub(super) fn push(&mut self, row: Row<T>) {
        self.bytes += row.bytes.len();
        self.rows.push(row);
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

/// What came back of rows that were sent.
#[derive(Debug)]
pub(super) struct Outcome<T> {
    /// How many are visible.
    pub(super) written: u64,
    /// Those that the service refuses, each with its reason.
    pub(super) refused: Vec<(T, Meta, String)>,
}

impl<T> Default for Outcome<T> {
    fn default() -> Self {
        Outcome { written: 0, refused: Vec::new() }
    }
}

impl<T> Outcome<T> {
    pub(super) fn add(&mut self, other: Outcome<T>) {
        self.written += other.written;
        self.refused.extend(other.refused);
    }

    pub(super) fn refuse(&mut self, row: Row<T>, reason: &str) {
        if let Some((value, meta)) = row.origin {
            self.refused.push((value, meta, reason.to_owned()));
        }
    }
}

/// Makes rows of elements.
pub(super) struct Encoder<T> {
    form: Form<T>,
}

enum Form<T> {
    Json(JsonRows),
    Proto(ProtoRows, Option<std::sync::Arc<dyn Fn(&T) -> Change + Send + Sync>>),
}

impl<T: Serialize> Encoder<T> {
    pub(super) fn new(schema: &Schema, way: Way, settings: &Settings<T>) -> Result<Self, SchemaError> {
        let form = match way {
            Way::Inserts | Way::Loads => {
                // A load reads the value of a JSON column as it stands; an insert takes its text.
                let columns = if way == Way::Loads { JsonColumns::Plain } else { JsonColumns::Text };
                let rows = JsonRows::new(schema).json_columns(columns);
                Form::Json(rows.ignore_unknown(settings.ignore_unknown))
            }
            Way::Default | Way::Buffered | Way::Pending => {
                let rows = ProtoRows::new(schema, settings.change.is_some())?;
                Form::Proto(rows.ignore_unknown(settings.ignore_unknown), settings.change.clone())
            }
        };
        Ok(Encoder { form })
    }

    /// What the Storage Write API must know of rows.
    pub(super) fn descriptor(&self) -> DescriptorProto {
        match &self.form {
            Form::Json(_) => DescriptorProto::default(),
            Form::Proto(rows, _) => rows.descriptor().clone(),
        }
    }

    /// The row of an element, or why there is none.
    pub(super) fn encode(&self, value: &T) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let encoded = match &self.form {
            Form::Json(rows) => rows.encode(value, &mut bytes),
            Form::Proto(rows, change) => {
                let change = change.as_ref().map(|change| match change(value) {
                    Change::Upsert => ChangeType::Upsert,
                    Change::Delete => ChangeType::Delete,
                });
                rows.encode(value, change, &mut bytes)
            }
        };
        encoded.map(|()| bytes).map_err(|wrong| wrong.to_string())
    }
}
