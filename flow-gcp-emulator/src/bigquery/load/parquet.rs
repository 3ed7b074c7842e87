//! Parquet: the schema of a file, and its rows as lines of JSON.

use std::sync::Arc;

use arrow::array::{Array, ArrayData, RecordBatch, StructArray};
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use arrow::json::LineDelimitedWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use super::super::error::{Error, Result as Outcome};
use super::files::File;

fn broken(file: &File, error: impl std::fmt::Display) -> Error {
    Error::invalid(format!("Error while reading data, error message: Parquet: {error} File: {}", file.uri))
}

/// The fields of the file, in BigQuery's types.
pub(super) fn fields(file: &File) -> Outcome<Value> {
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file.bytes.clone()).map_err(|error| broken(file, error))?;
    builder.schema().fields().iter().map(|field| field_of(file, field)).collect()
}

fn field_of(file: &File, field: &Field) -> Outcome<Value> {
    let mode = if field.is_nullable() { "NULLABLE" } else { "REQUIRED" };
    let (ty, mode) = match field.data_type() {
        DataType::List(item) | DataType::LargeList(item) => (item.data_type(), "REPEATED"),
        other => (other, mode),
    };
    let ty = match ty {
        DataType::Dictionary(_, of) => of,
        other => other,
    };
    let mut json = json!({"name": field.name(), "mode": mode});
    json["type"] = match ty {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "STRING",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "BYTES"
        }
        ty if ty.is_integer() => "INTEGER",
        ty if ty.is_floating() => "FLOAT",
        DataType::Boolean => "BOOLEAN",
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP",
        DataType::Timestamp(_, None) => "DATETIME",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(_) | DataType::Time64(_) => "TIME",
        DataType::Decimal128(precision, scale)
            if *scale <= 9 && i16::from(*precision) - i16::from(*scale) <= 29 =>
        {
            "NUMERIC"
        }
        DataType::Decimal128(..) | DataType::Decimal256(..) => "BIGNUMERIC",
        DataType::Struct(fields) => {
            json["fields"] = fields.iter().map(|field| field_of(file, field)).collect::<Outcome<_>>()?;
            "RECORD"
        }
        other => return Err(broken(file, format!("the emulator does not load columns of type {other}."))),
    }
    .into();
    Ok(json)
}

/// All rows as JSON, an object a line; bytes are hexadecimal there.
pub(super) fn as_lines(file: &File) -> Outcome<Vec<u8>> {
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file.bytes.clone()).map_err(|error| broken(file, error))?;
    let mut writer = LineDelimitedWriter::new(Vec::new());
    for batch in builder.build().map_err(|error| broken(file, error))? {
        let batch = batch.and_then(in_utc).map_err(|error| broken(file, error))?;
        writer.write(&batch).map_err(|error| broken(file, error))?;
    }
    writer.finish().map_err(|error| broken(file, error))?;
    Ok(writer.into_inner())
}

/// With zones by their offsets: Arrow knows no names without a database of zones, and the moments are in UTC whatever the zone.
fn in_utc(batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    fn zoned(ty: &DataType) -> DataType {
        let field =
            |field: &Arc<Field>| Arc::new(field.as_ref().clone().with_data_type(zoned(field.data_type())));
        match ty {
            DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("+00:00".into())),
            DataType::List(item) => DataType::List(field(item)),
            DataType::LargeList(item) => DataType::LargeList(field(item)),
            DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
            other => other.clone(),
        }
    }
    fn data(of: &ArrayData) -> Result<ArrayData, ArrowError> {
        let children = of.child_data().iter().map(data).collect::<Result<_, _>>()?;
        of.clone().into_builder().data_type(zoned(of.data_type())).child_data(children).build()
    }
    let whole = StructArray::from(batch);
    Ok(RecordBatch::from(StructArray::from(data(&whole.to_data())?)))
}
