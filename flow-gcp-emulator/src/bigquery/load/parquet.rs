//! Parquet: the schema of a file, and its rows as lines of JSON.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field};
use arrow::json::LineDelimitedWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use super::super::error::{Error, Result};
use super::files::File;

fn broken(file: &File, error: impl std::fmt::Display) -> Error {
    Error::invalid(format!("Error while reading data, error message: Parquet: {error} File: {}", file.uri))
}

/// The fields of the file, in BigQuery's types.
pub(super) fn fields(file: &File) -> Result<Value> {
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file.bytes.clone()).map_err(|error| broken(file, error))?;
    builder.schema().fields().iter().map(|field| field_of(file, field)).collect()
}

fn field_of(file: &File, field: &Field) -> Result<Value> {
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
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "BYTES",
        ty if ty.is_integer() => "INTEGER",
        ty if ty.is_floating() => "FLOAT",
        DataType::Boolean => "BOOLEAN",
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP",
        DataType::Timestamp(_, None) => "DATETIME",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(_) | DataType::Time64(_) => "TIME",
        DataType::Decimal128(precision, scale) if *scale <= 9 && i16::from(*precision) - i16::from(*scale) <= 29 => "NUMERIC",
        DataType::Decimal128(..) | DataType::Decimal256(..) => "BIGNUMERIC",
        DataType::Struct(fields) => {
            json["fields"] = fields.iter().map(|field| field_of(file, field)).collect::<Result<_>>()?;
            "RECORD"
        }
        other => return Err(broken(file, format!("the emulator does not load columns of type {other}."))),
    }
    .into();
    Ok(json)
}

/// All rows as JSON, an object a line; bytes are hexadecimal there.
pub(super) fn as_lines(file: &File) -> Result<Vec<u8>> {
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file.bytes.clone()).map_err(|error| broken(file, error))?;
    let mut writer = LineDelimitedWriter::new(Vec::new());
    for batch in builder.build().map_err(|error| broken(file, error))? {
        let batch: RecordBatch = batch.map_err(|error| broken(file, error))?;
        writer.write(&batch).map_err(|error| broken(file, error))?;
    }
    writer.finish().map_err(|error| broken(file, error))?;
    Ok(writer.into_inner())
}
