//! Schemas as the Storage Write API writes them.

use super::super::schema::{Field, Mode, Schema, Type};
use super::api::table_field_schema::{Mode as ApiMode, Type as ApiType};
use super::api::{TableFieldSchema, TableSchema};

pub(super) fn table_schema(schema: &Schema) -> TableSchema {
    TableSchema { fields: schema.fields.iter().map(field).collect() }
}

fn field(field: &Field) -> TableFieldSchema {
    let mode = match field.mode {
        Mode::Nullable => ApiMode::Nullable,
        Mode::Required => ApiMode::Required,
        Mode::Repeated => ApiMode::Repeated,
    };
    let fields = match &field.ty {
        Type::Struct(schema) => table_schema(schema).fields,
        _ => Vec::new(),
    };
    TableFieldSchema {
        name: field.name.clone(),
        r#type: kind(&field.ty) as i32,
        mode: mode as i32,
        fields,
        ..TableFieldSchema::default()
    }
}

fn kind(ty: &Type) -> ApiType {
    match ty {
        Type::String => ApiType::String,
        Type::Bytes => ApiType::Bytes,
        Type::Int64 => ApiType::Int64,
        Type::Float64 => ApiType::Double,
        Type::Bool => ApiType::Bool,
        Type::Numeric => ApiType::Numeric,
        Type::BigNumeric => ApiType::Bignumeric,
        Type::Timestamp => ApiType::Timestamp,
        Type::Date => ApiType::Date,
        Type::Time => ApiType::Time,
        Type::Datetime => ApiType::Datetime,
        Type::Json => ApiType::Json,
        Type::Geography => ApiType::Geography,
        Type::Struct(_) => ApiType::Struct,
        Type::Array(of) => kind(of),
    }
}
