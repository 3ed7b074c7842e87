//! The type of a table's rows as messages of protobuf.

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto};

use crate::bigquery::{Field, FieldType, Mode, SchemaError};

/// The pseudo column that says what a row does.
const CHANGE_TYPE: &str = "_CHANGE_TYPE";

/// The message of a table's rows. With `change_type`, no column is required, since a row that says what to delete has
/// its key alone.
pub(super) fn descriptor(fields: &[Field], change_type: bool) -> Result<DescriptorProto, SchemaError> {
    let mut message = of("Row", fields)?;
    if change_type {
        if let Some(field) = fields.iter().find(|field| field.name.eq_ignore_ascii_case(CHANGE_TYPE)) {
            return Err(SchemaError::no_message(&field.name));
        }
        for field in &mut message.field {
            if field.label() == Label::Required {
                field.set_label(Label::Optional);
            }
        }
        message.field.push(field(CHANGE_TYPE, fields.len() as i32 + 1, Label::Optional, Type::String));
    }
    Ok(message)
}

fn of(name: &str, fields: &[Field]) -> Result<DescriptorProto, SchemaError> {
    let mut message = DescriptorProto { name: Some(name.to_owned()), ..DescriptorProto::default() };
    for (column, number) in fields.iter().zip(1..) {
        if !is_identifier(&column.name) {
            return Err(SchemaError::no_message(&column.name));
        }
        let mut field = field(&column.name, number, label(column.mode), kind(&column.kind));
        if let FieldType::Record(inner) = &column.kind {
            // Found from within first, so that the records of a record may have the same name.
            let name = free_name(number, fields);
            let nested = of(&name, inner).map_err(|error| error.within(&column.name))?;
            message.nested_type.push(nested);
            field.type_name = Some(name);
        }
        message.field.push(field);
    }
    Ok(message)
}

fn field(name: &str, number: i32, label: Label, kind: Type) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(label.into()),
        r#type: Some(kind.into()),
        ..FieldDescriptorProto::default()
    }
}

/// A name for a record's message that is no column's, since both are names of one scope.
fn free_name(number: i32, fields: &[Field]) -> String {
    let mut name = format!("Record{number}");
    while fields.iter().any(|field| field.name == name) {
        name.push('_');
    }
    name
}

/// Tables that exist may have columns of other names.
fn is_identifier(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(letters)
}

fn label(mode: Mode) -> Label {
    match mode {
        Mode::Nullable => Label::Optional,
        Mode::Required => Label::Required,
        Mode::Repeated => Label::Repeated,
    }
}

fn kind(kind: &FieldType) -> Type {
    match kind {
        FieldType::Int64 | FieldType::Timestamp => Type::Int64,
        FieldType::Date => Type::Int32,
        FieldType::Float64 => Type::Double,
        FieldType::Bool => Type::Bool,
        FieldType::Bytes => Type::Bytes,
        FieldType::Record(_) => Type::Message,
        FieldType::String
        | FieldType::Numeric
        | FieldType::BigNumeric
        | FieldType::Time
        | FieldType::DateTime
        | FieldType::Json
        | FieldType::Geography => Type::String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bigquery::Schema;

    /// A message in the language of proto files, on one line.
    fn shown(message: &DescriptorProto) -> String {
        let nested = message.nested_type.iter().map(shown);
        let fields = message.field.iter().map(|field| {
            let label = format!("{:?}", field.label()).to_lowercase();
            let kind = match &field.type_name {
                Some(name) => name.clone(),
                None => format!("{:?}", field.r#type()).to_lowercase(),
            };
            format!("{label} {kind} {} = {};", field.name(), field.number())
        });
        let parts: Vec<String> = nested.chain(fields).collect();
        format!("message {} {{ {} }}", message.name(), parts.join(" "))
    }

    #[test]
    fn every_type_has_its_type_on_the_wire() {
        let text = "a:STRING:REQUIRED, b:BYTES, c:INT64:REPEATED, d:FLOAT64, e:NUMERIC, f:BIGNUMERIC, g:BOOL, \
                    h:TIMESTAMP, i:DATE, j:TIME, k:DATETIME, l:JSON, m:GEOGRAPHY";
        let message = descriptor(Schema::parse(text).unwrap().fields(), false).unwrap();
        let wanted = "message Row { required string a = 1; optional bytes b = 2; repeated int64 c = 3; \
                      optional double d = 4; optional string e = 5; optional string f = 6; optional bool g = 7; \
                      optional int64 h = 8; optional int32 i = 9; optional string j = 10; optional string k = 11; \
                      optional string l = 12; optional string m = 13; }";
        assert_eq!(shown(&message), wanted);
    }

    #[test]
    fn records_are_messages_within() {
        let leaf = Field::required("x", FieldType::String);
        let inner = Field::nullable("inner", FieldType::Record(vec![leaf.clone()]));
        let outer = Field::repeated("outer", FieldType::Record(vec![inner, leaf.clone()]));
        let other = Field::nullable("Record1", FieldType::Record(vec![leaf]));
        let wanted = "message Row { \
                      message Record1_ { message Record1 { required string x = 1; } \
                      optional Record1 inner = 1; required string x = 2; } \
                      message Record2 { required string x = 1; } \
                      repeated Record1_ outer = 1; optional Record2 Record1 = 2; }";
        assert_eq!(shown(&descriptor(&[outer, other], false).unwrap()), wanted);
    }

    #[test]
    fn changes_make_all_columns_optional() {
        let fields = [Field::required("id", FieldType::Int64), Field::repeated("n", FieldType::Int64)];
        let wanted =
            "message Row { optional int64 id = 1; repeated int64 n = 2; optional string _CHANGE_TYPE = 3; }";
        assert_eq!(shown(&descriptor(&fields, true).unwrap()), wanted);
        let taken = [Field::nullable("_change_type", FieldType::String)];
        assert!(descriptor(&taken, true).is_err());
        assert!(descriptor(&taken, false).is_ok());
    }

    #[test]
    fn names_that_messages_cannot_have_are_said() {
        let inner = Field::nullable("größe", FieldType::Int64);
        let error = descriptor(&[Field::nullable("r", FieldType::Record(vec![inner]))], false).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the column `r.größe` has a name that the Storage Write API does not")
        );
    }
}
