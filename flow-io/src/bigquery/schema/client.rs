//! Schemas of the client's crate.

use gcp_bigquery_client::model::field_type::FieldType as ClientType;
use gcp_bigquery_client::model::table_field_schema::TableFieldSchema;
use gcp_bigquery_client::model::table_schema::TableSchema;

use super::error::Fact;
use super::{Field, FieldType, Mode, Schema, SchemaError};

impl Schema {
    /// As the client's crate has it.
    pub fn to_client(&self) -> TableSchema {
        TableSchema::new(self.fields.iter().map(Field::to_client).collect())
    }

    /// Of a table that exists. The rules for names are not asked for, since such a table may have other names.
    ///
    /// # Errors
    /// If it has columns of types that are not for rows here, as INTERVAL.
    pub fn from_client(schema: &TableSchema) -> Result<Self, SchemaError> {
        Ok(Schema { fields: columns(schema.fields.as_deref())? })
    }
}

impl Field {
    /// As the client's crate has it.
    pub fn to_client(&self) -> TableFieldSchema {
        let mut field = TableFieldSchema::new(&self.name, self.kind.to_client());
        field.mode = Some(self.mode.name().to_owned());
        field.description.clone_from(&self.description);
        if let FieldType::Record(fields) = &self.kind {
            field.fields = Some(fields.iter().map(Field::to_client).collect());
        }
        field
    }

    /// Of a column that exists.
    ///
    /// # Errors
    /// If its type or that of a column in it is not for rows here.
    pub fn from_client(field: &TableFieldSchema) -> Result<Self, SchemaError> {
        let name = &field.name;
        let inner = columns(field.fields.as_deref()).map_err(|error| error.within(name))?;
        let kind = match &field.r#type {
            ClientType::String => FieldType::String,
            ClientType::Bytes => FieldType::Bytes,
            ClientType::Integer | ClientType::Int64 => FieldType::Int64,
            ClientType::Float | ClientType::Float64 => FieldType::Float64,
            ClientType::Numeric => FieldType::Numeric,
            ClientType::Bignumeric => FieldType::BigNumeric,
            ClientType::Boolean | ClientType::Bool => FieldType::Bool,
            ClientType::Timestamp => FieldType::Timestamp,
            ClientType::Date => FieldType::Date,
            ClientType::Time => FieldType::Time,
            ClientType::Datetime => FieldType::DateTime,
            ClientType::Record | ClientType::Struct => FieldType::Record(inner),
            ClientType::Geography => FieldType::Geography,
            ClientType::Json => FieldType::Json,
            ClientType::Interval => return Err(SchemaError::new(name, Fact::Type("INTERVAL".to_owned()))),
        };
        let mode = match field.mode.as_deref() {
            None | Some("") => Mode::Nullable,
            Some(mode) => {
                Mode::of_name(mode).ok_or_else(|| SchemaError::new(name, Fact::Mode(mode.to_owned())))?
            }
        };
        Ok(Field { name: name.clone(), kind, mode, description: field.description.clone() })
    }
}

impl FieldType {
    fn to_client(&self) -> ClientType {
        match self {
            FieldType::String => ClientType::String,
            FieldType::Bytes => ClientType::Bytes,
            // The old names, which every server knows.
            FieldType::Int64 => ClientType::Integer,
            FieldType::Float64 => ClientType::Float,
            FieldType::Bool => ClientType::Boolean,
            FieldType::Numeric => ClientType::Numeric,
            FieldType::BigNumeric => ClientType::Bignumeric,
            FieldType::Timestamp => ClientType::Timestamp,
            FieldType::Date => ClientType::Date,
            FieldType::Time => ClientType::Time,
            FieldType::DateTime => ClientType::Datetime,
            FieldType::Json => ClientType::Json,
            FieldType::Geography => ClientType::Geography,
            FieldType::Record(_) => ClientType::Record,
        }
    }
}

fn columns(fields: Option<&[TableFieldSchema]>) -> Result<Vec<Field>, SchemaError> {
    fields.unwrap_or_default().iter().map(Field::from_client).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY_TYPE: &str = "a:STRING:REQUIRED, b:BYTES, c:INT64:REPEATED, d:FLOAT64, e:NUMERIC, f:BIGNUMERIC, g:BOOL, \
                              h:TIMESTAMP, i:DATE, j:TIME, k:DATETIME, l:JSON, m:GEOGRAPHY";

    #[test]
    fn every_type_goes_to_the_client_and_back() {
        let mut fields = Schema::parse(EVERY_TYPE).unwrap().fields;
        fields.push(Field::repeated("r", FieldType::Record(fields.clone())).described("all again"));
        let schema = Schema::new(fields).unwrap();
        assert_eq!(Schema::from_client(&schema.to_client()), Ok(schema));
    }

    #[test]
    fn the_client_sends_what_the_service_reads() {
        let schema = Schema::new(vec![Field::required("n", FieldType::Int64).described("how many")]).unwrap();
        let sent = serde_json::to_string(&schema.to_client()).unwrap();
        assert_eq!(
            sent,
            r#"{"fields":[{"description":"how many","mode":"REQUIRED","name":"n","type":"INTEGER"}]}"#
        );
    }

    #[test]
    fn types_that_are_not_for_rows_are_said() {
        let inner = TableFieldSchema::record("r", vec![TableFieldSchema::interval("i")]);
        let error = Schema::from_client(&TableSchema::new(vec![inner])).unwrap_err();
        assert!(error.to_string().starts_with("the column `r.i` has the type \"INTERVAL\""));
    }
}
