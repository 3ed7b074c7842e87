//! Write streams: where each stands, and how its rows come into view.

use prost_types::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};

use super::super::error::{Error, Result};
use super::super::schema::Schema;
use super::super::state::{State, TableName, columns_of, forget, keep};
use super::api::storage_error::StorageErrorCode;
use super::api::write_stream::{Type, WriteMode};
use super::api::{
    BatchCommitWriteStreamsRequest, BatchCommitWriteStreamsResponse, CreateWriteStreamRequest,
    FinalizeWriteStreamResponse, FlushRowsRequest, FlushRowsResponse, StorageError, WriteStream,
};
use super::schema::table_schema;

#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) table: TableName,
    pub(crate) kind: Type,
    /// Rows that are not in view yet are in SQLite's table of this number: `s7`.
    number: u64,
    /// How many columns that table has.
    pub(crate) columns: usize,
    /// How many rows were appended: the next offset.
    pub(crate) count: i64,
    /// How many of them are in view, for BUFFERED.
    flushed: i64,
    pub(crate) finalized: bool,
    created: i64,
    committed: Option<i64>,
}

impl Stream {
    pub(crate) fn restore(entry: &Value) -> Result<Self> {
        let int = |key: &str| entry[key].as_i64().unwrap_or(0);
        let kind = Type::try_from(int("kind") as i32);
        Ok(Self {
            table: TableName::of_reference(&entry["table"], ""),
            kind: kind.map_err(|_| Error::new(500, "internalError", "broken entry of a write stream"))?,
            number: int("number").unsigned_abs(),
            columns: int("columns") as usize,
            count: int("count"),
            flushed: int("flushed"),
            finalized: entry["finalized"] == true,
            created: int("created"),
            committed: entry["committed"].as_i64(),
        })
    }

    fn entry(&self) -> Value {
        json!({
            "table": self.table.reference(),
            "kind": self.kind as i32,
            "number": self.number,
            "columns": self.columns,
            "count": self.count,
            "flushed": self.flushed,
            "finalized": self.finalized,
            "created": self.created,
            "committed": self.committed,
        })
    }

    /// Keeps it as it is now beside the rows.
    pub(super) fn keep(&self, db: &Connection, name: &str) -> Result<()> {
        keep(db, "stream", name, &self.entry())
    }

    /// Whether rows wait in a table of the stream's own.
    pub(crate) fn stages(&self) -> bool {
        self.kind != Type::Committed
    }

    pub(crate) fn physical(&self) -> String {
        format!("s{}", self.number)
    }

    /// Why nothing can be appended any more.
    pub(crate) fn closed(&self) -> Option<&'static str> {
        match (self.committed, self.finalized) {
            (Some(_), _) => Some("Stream has been committed already"),
            (None, true) => Some("Stream has been finalized already"),
            (None, false) => None,
        }
    }

    fn message(&self, name: &str, schema: &Schema) -> WriteStream {
        WriteStream {
            name: name.into(),
            r#type: self.kind as i32,
            create_time: Some(timestamp(self.created)),
            commit_time: self.committed.map(timestamp),
            table_schema: Some(table_schema(schema)),
            write_mode: WriteMode::Insert as i32,
            location: "us".into(),
        }
    }
}

pub(super) fn timestamp(micros: i64) -> Timestamp {
    let nanos = (micros.rem_euclid(1_000_000) * 1000) as i32;
    Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

/// The table of a stream's name, and whether it is the default stream.
pub(super) fn parse_name(name: &str) -> Result<(TableName, bool)> {
    let bad = || Error::invalid(format!("\"{name}\" does not name a write stream"));
    let (table, stream) = match name.split_once("/streams/") {
        Some(parts) => parts,
        None => name.rsplit_once('/').filter(|(_, stream)| *stream == "_default").ok_or_else(bad)?,
    };
    Ok((TableName::of_path(table)?, stream == "_default"))
}

impl State {
    pub(super) fn create_stream(
        &mut self,
        request: &CreateWriteStreamRequest,
        now: i64,
    ) -> Result<WriteStream> {
        let table = TableName::of_path(&request.parent)?;
        let kind = request.write_stream.as_ref().map_or(0, |stream| stream.r#type);
        let kind = Type::try_from(kind).unwrap_or(Type::Unspecified);
        if kind == Type::Unspecified {
            return Err(Error::invalid("the type of a write stream must be COMMITTED, PENDING or BUFFERED"));
        }
        let schema = self.table_for_rows(&table)?.schema.clone();
        let number = self.number();
        let columns = schema.fields.len();
        let stream = Stream {
            table,
            kind,
            number,
            columns,
            count: 0,
            flushed: 0,
            finalized: false,
            created: now,
            committed: None,
        };
        if stream.stages() {
            let columns = if columns == 0 { "none".into() } else { columns_of(columns) };
            self.db.execute_batch(&format!("CREATE TABLE {}({columns})", stream.physical()))?;
        }
        let name = format!("{}/streams/{number:016x}", stream.table.path());
        let message = stream.message(&name, &schema);
        stream.keep(&self.db, &name)?;
        self.streams.insert(name, stream);
        Ok(message)
    }

    pub(super) fn stream(&self, name: &str) -> Result<&Stream> {
        self.streams.get(name).ok_or_else(|| Error::not_found(format!("write stream {name}")))
    }

    /// Forgets a stream with the rows that are not in view.
    pub(crate) fn delete_stream(&mut self, name: &str) -> Result<()> {
        if let Some(stream) = self.streams.remove(name) {
            self.db.execute_batch(&format!("DROP TABLE IF EXISTS {}", stream.physical()))?;
            forget(&self.db, "stream", name)?;
        }
        Ok(())
    }

    pub(super) fn get_stream(&self, name: &str) -> Result<WriteStream> {
        let (table, default) = parse_name(name)?;
        let schema = self.table(&table)?.schema.clone();
        if !default {
            return Ok(self.stream(name)?.message(name, &schema));
        }
        Ok(WriteStream {
            name: name.into(),
            r#type: Type::Committed as i32,
            table_schema: Some(table_schema(&schema)),
            write_mode: WriteMode::Insert as i32,
            location: "us".into(),
            ..WriteStream::default()
        })
    }

    /// Brings the rows of a BUFFERED stream into view, up to and with the one at the offset.
    pub(super) fn flush_stream(&mut self, request: &FlushRowsRequest) -> Result<FlushRowsResponse> {
        let mut stream = self.stream(&request.write_stream)?.clone();
        if stream.kind != Type::Buffered {
            return Err(Error::invalid("FlushRows is for streams of type BUFFERED"));
        }
        let offset = request.offset.unwrap_or(stream.count - 1);
        if offset >= stream.count {
            return Err(Error::invalid(format!(
                "Offset {offset} is beyond the end of the stream: it has {} rows",
                stream.count
            )));
        }
        let transaction = self.db.unchecked_transaction()?;
        self.show(&stream, stream.flushed, offset + 1)?;
        stream.flushed = stream.flushed.max(offset + 1);
        stream.keep(&self.db, &request.write_stream)?;
        transaction.commit()?;
        self.streams.insert(request.write_stream.clone(), stream);
        Ok(FlushRowsResponse { offset })
    }

    /// Copies waiting rows `from..to` into the table.
    fn show(&self, stream: &Stream, from: i64, to: i64) -> Result<()> {
        let columns = columns_of(stream.columns);
        if columns.is_empty() {
            return Ok(());
        }
        let (table, waiting) = (self.table(&stream.table)?.physical(), stream.physical());
        let sql = format!(
            "INSERT INTO {table}({columns}) SELECT {columns} FROM {waiting} WHERE rowid > ? AND rowid <= ? ORDER BY rowid"
        );
        self.db.prepare_cached(&sql)?.execute([from, to])?;
        Ok(())
    }

    pub(super) fn finalize_stream(&mut self, name: &str) -> Result<FinalizeWriteStreamResponse> {
        let mut stream = self.stream(name)?.clone();
        stream.finalized = true;
        let row_count = stream.count;
        stream.keep(&self.db, name)?;
        self.streams.insert(name.into(), stream);
        Ok(FinalizeWriteStreamResponse { row_count })
    }

    /// Brings the rows of PENDING streams into view, all or none. Streams that were committed before are told in the answer.
    pub(super) fn commit_streams(
        &mut self,
        request: &BatchCommitWriteStreamsRequest,
        now: i64,
    ) -> Result<BatchCommitWriteStreamsResponse> {
        let parent = TableName::of_path(&request.parent)?;
        self.table(&parent)?;
        let errors: Vec<StorageError> =
            request.write_streams.iter().filter_map(|name| self.not_committable(&parent, name)).collect();
        if !errors.is_empty() {
            return Ok(BatchCommitWriteStreamsResponse { commit_time: None, stream_errors: errors });
        }
        let transaction = self.db.unchecked_transaction()?;
        let mut done = Vec::new();
        for name in &request.write_streams {
            let mut stream = self.stream(name)?.clone();
            self.show(&stream, 0, stream.count)?;
            self.db.execute_batch(&format!("DELETE FROM {}", stream.physical()))?;
            stream.committed = Some(now);
            stream.keep(&self.db, name)?;
            done.push((name.clone(), stream));
        }
        transaction.commit()?;
        self.streams.extend(done);
        Ok(BatchCommitWriteStreamsResponse { commit_time: Some(timestamp(now)), stream_errors: Vec::new() })
    }

    fn not_committable(&self, parent: &TableName, name: &str) -> Option<StorageError> {
        use StorageErrorCode as Code;
        let (code, text) = match self.streams.get(name) {
            None => (Code::StreamNotFound, "is not there"),
            Some(stream) if stream.table != *parent => (Code::StreamNotFound, "belongs to another table"),
            Some(stream) if stream.kind != Type::Pending => {
                (Code::InvalidStreamType, "is not of type PENDING")
            }
            Some(stream) if stream.committed.is_some() => {
                (Code::StreamAlreadyCommitted, "has been committed already")
            }
            Some(stream) if !stream.finalized => (Code::InvalidStreamState, "has not been finalized"),
            Some(_) => return None,
        };
        Some(StorageError {
            code: code as i32,
            entity: name.into(),
            error_message: format!("Stream {name} {text}"),
        })
    }
}
