//! Parquet, written from rows by an Arrow schema.

use std::fmt;
use std::io;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use ::parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use ::parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::TypePtr;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::json::ReaderBuilder;
use arrow::json::reader::Decoder;
use flow_core::{BoxError, Element, Error, Meta};
use serde::Serialize;

use super::write::{Body, Encode, Encoder, Format, Refused, TempFile, WriteFiles};

/// Parquet, from elements that serde can serialise.
///
/// ```
/// use std::sync::Arc;
/// use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
/// use flow_io::files::ParquetFiles;
///
/// let schema = Schema::new(vec![
///     Field::new("id", DataType::Utf8, false),
///     Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
///     Field::new("total", DataType::Float64, true),
/// ]);
/// let sink = ParquetFiles::under("out", Arc::new(schema));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ParquetFiles;

impl ParquetFiles {
    /// Writes each element as a row to files beneath a directory. See [`WriteFiles`].
    ///
    /// Columns are found by the fields' names as serde has them; timestamps are numbers of the column's unit or text
    /// as RFC 3339. A row is refused if a field is missing that may not be null, does not fit its column, or has no
    /// column.
    ///
    /// Each worker ends a row group when it has 32 MiB, or at the end of an epoch: short epochs make small ones.
    pub fn under(root: impl Into<PathBuf>, schema: SchemaRef) -> WriteFiles<Parquet> {
        WriteFiles::new(root, Parquet { layout: Arc::new(Layout::of(schema)) })
    }
}

/// Rows of one schema, in columns compressed with Snappy.
#[derive(Clone, Debug)]
pub struct Parquet {
    layout: Arc<Result<Layout, ParquetError>>,
}

impl Parquet {
    fn layout(&self) -> Result<&Layout, Error> {
        let reason =
            |error: &ParquetError| Error::config(format!("the schema cannot be written as Parquet: {error}"));
        self.layout.as_ref().as_ref().map_err(reason)
    }
}

/// A schema in Arrow's words and in Parquet's.
#[derive(Debug)]
struct Layout {
    schema: SchemaRef,
    root: TypePtr,
    properties: WriterPropertiesPtr,
    columns: ArrowRowGroupWriterFactory,
}

impl Layout {
    fn of(schema: SchemaRef) -> Result<Self, ParquetError> {
        let mut properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
        let properties = Arc::new(properties);
        let root = ArrowSchemaConverter::new().convert(&schema)?.root_schema_ptr();
        let pattern = SerializedFileWriter::new(io::sink(), Arc::clone(&root), Arc::clone(&properties))?;
        let columns = ArrowRowGroupWriterFactory::new(&pattern, Arc::clone(&schema));
        Ok(Layout { schema, root, properties, columns })
    }

    /// Strict: a field without a column would be lost without a word.
    fn decoder(&self) -> Result<Decoder, ArrowError> {
        ReaderBuilder::new(Arc::clone(&self.schema)).with_strict_mode(true).build_decoder()
    }
}

impl Format for Parquet {
    const EXTENSION: &'static str = "parquet";
    type Body = ParquetBody;

    fn begin(&self, file: TempFile) -> Result<ParquetBody, BoxError> {
        let layout = self.layout()?;
        let (root, properties) = (Arc::clone(&layout.root), Arc::clone(&layout.properties));
        Ok(ParquetBody(SerializedFileWriter::new(file, root, properties)?))
    }
}

/// A Parquet file that has its first row groups.
pub struct ParquetBody(SerializedFileWriter<TempFile>);

impl fmt::Debug for ParquetBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetBody").finish_non_exhaustive()
    }
}

/// A row group, encoded column by column.
#[derive(Debug, Default)]
pub struct RowGroup(Vec<ArrowColumnChunk>);

impl Body for ParquetBody {
    type Chunk = RowGroup;

    fn append(&mut self, group: &mut RowGroup) -> Result<(), BoxError> {
        let mut writer = self.0.next_row_group()?;
        for column in group.0.drain(..) {
            column.append_to_row_group(&mut writer)?;
        }
        writer.close()?;
        self.0.flush()?;
        Ok(())
    }

    fn written(&self) -> u64 {
        self.0.bytes_written() as u64
    }

    fn finish(self) -> Result<TempFile, BoxError> {
        Ok(self.0.into_inner()?)
    }
}

impl<T: Element + Serialize> Encode<T> for Parquet {
    type Encoder = ParquetEncoder<T>;

    fn encoder(&self) -> flow_core::Result<ParquetEncoder<T>> {
        let layout = self.layout()?;
        let wrong = |error: BoxError| Error::config("rows cannot be made for the schema").caused_by(error);
        let decoder = layout.decoder().map_err(|error| wrong(error.into()))?;
        let columns = layout.columns.create_column_writers(0).map_err(|error| wrong(error.into()))?;
        Ok(ParquetEncoder {
            format: self.clone(),
            decoder,
            rows: Vec::new(),
            metas: Vec::new(),
            columns,
            encoded_rows: 0,
            encoded_bytes: 0,
            group: RowGroup::default(),
        })
    }
}

/// Turns rows into batches, and batches into a row group.
pub struct ParquetEncoder<T> {
    format: Parquet,
    decoder: Decoder,
    /// Rows that are not in the columns yet.
    rows: Vec<T>,
    metas: Vec<Meta>,
    columns: Vec<ArrowColumnWriter>,
    encoded_rows: usize,
    encoded_bytes: usize,
    group: RowGroup,
}

/// Rows are put into columns this many at a time: few enough that they are still in the cache.
const BATCH: usize = 256;
/// A row group is ended at this many bytes of memory or rows.
const GROUP_BYTES: usize = 32 << 20;
const GROUP_ROWS: usize = 1 << 20;

impl<T> fmt::Debug for ParquetEncoder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetEncoder").field("rows", &self.encoded_rows).finish_non_exhaustive()
    }
}

impl<T: Element + Serialize> ParquetEncoder<T> {
    /// Puts the rows at hand into the columns, but for those that do not fit.
    fn encode_rows(&mut self, refused: &mut Refused<'_, T>) -> Result<(), BoxError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let (rows, metas) = (mem::take(&mut self.rows), mem::take(&mut self.metas));
        let mut misfits = Vec::new();
        self.encode_range(&rows, 0, &mut misfits)?;
        let mut misfits = misfits.into_iter().peekable();
        for (at, (value, meta)) in rows.into_iter().zip(metas).enumerate() {
            match misfits.peek() {
                None => break,
                Some((misfit, _)) if *misfit != at => {}
                Some(_) => refused.reject(value, meta, misfits.next().unwrap_or_default().1),
            }
        }
        self.encoded_bytes = self.columns.iter().map(ArrowColumnWriter::memory_size).sum();
        Ok(())
    }

    /// Encodes rows, the first of which is number `first`; halves them until those that do not fit are alone.
    fn encode_range(
        &mut self,
        rows: &[T],
        first: usize,
        misfits: &mut Vec<(usize, String)>,
    ) -> Result<(), BoxError> {
        match self.batch(rows) {
            Ok(batch) => self.encode_batch(&batch),
            Err(misfit) if rows.len() == 1 => {
                misfits.push((first, reason(&misfit)));
                Ok(())
            }
            Err(_) => {
                let (left, right) = rows.split_at(rows.len() / 2);
                self.encode_range(left, first, misfits)?;
                self.encode_range(right, first + left.len(), misfits)
            }
        }
    }

    fn batch(&mut self, rows: &[T]) -> Result<RecordBatch, ArrowError> {
        let batch = self.decoder.serialize(rows).and_then(|()| self.decoder.flush());
        if batch.is_err() {
            self.decoder =
                self.format.layout().map_err(|e| ArrowError::from_external_error(e.into()))?.decoder()?;
        }
        Ok(batch?.unwrap_or_else(|| RecordBatch::new_empty(self.schema())))
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.format.layout().expect("an encoder has a layout").schema)
    }

    fn encode_batch(&mut self, batch: &RecordBatch) -> Result<(), BoxError> {
        let mut columns = self.columns.iter_mut();
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            for leaf in compute_leaves(field, array)? {
                columns.next().expect("a writer for each leaf").write(&leaf)?;
            }
        }
        self.encoded_rows += batch.num_rows();
        Ok(())
    }
}

/// Arrow's words without the part of it that found the misfit.
fn reason(error: &ArrowError) -> String {
    let text = error.to_string();
    text.strip_prefix("Json error: ").map(str::to_owned).unwrap_or(text)
}

impl<T: Element + Serialize> Encoder<T> for ParquetEncoder<T> {
    type Chunk = RowGroup;

    fn encode(&mut self, value: T, meta: Meta, refused: &mut Refused<'_, T>) -> Result<(), BoxError> {
        self.rows.push(value);
        self.metas.push(meta);
        if self.rows.len() >= BATCH { self.encode_rows(refused) } else { Ok(()) }
    }

    fn bytes(&self) -> usize {
        self.encoded_bytes + self.rows.capacity() * (size_of::<T>() + size_of::<Meta>())
    }

    fn is_full(&self) -> bool {
        self.encoded_bytes >= GROUP_BYTES || self.encoded_rows >= GROUP_ROWS
    }

    fn chunk(&mut self, refused: &mut Refused<'_, T>) -> Result<Option<&mut RowGroup>, BoxError> {
        self.encode_rows(refused)?;
        if self.encoded_rows == 0 {
            return Ok(None);
        }
        let columns = self.format.layout()?.columns.create_column_writers(0)?;
        for column in mem::replace(&mut self.columns, columns) {
            self.group.0.push(column.close()?);
        }
        (self.encoded_rows, self.encoded_bytes) = (0, 0);
        Ok(Some(&mut self.group))
    }
}
