//! Rows in protocol buffers, read by a description that the client sends.

use std::sync::Arc;

use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value as Proto,
};
use prost_types::{DescriptorProto, FileDescriptorProto};
use rusqlite::types::Value as Cell;
use serde_json::{Map, Value};

use super::super::schema::{Field, Mode, Schema, Type};
use super::super::time::{checked_day, checked_micros};
use super::super::value::{Problem, Row, nested_scalar, scalar};
use super::change::{CHANGE_TYPE, Change};

/// Reads rows of one description into one schema.
#[derive(Debug)]
pub(super) struct Decoder {
    message: MessageDescriptor,
    plan: Plan,
    /// Where a row says what it does.
    change: Option<FieldDescriptor>,
    pub(super) schema: Arc<Schema>,
}

/// For each field of a schema, where it is in the message.
#[derive(Debug)]
struct Plan(Vec<Option<(FieldDescriptor, Option<Plan>)>>);

/// Why a description cannot be read into a schema.
#[derive(Debug)]
pub(super) enum Mismatch {
    /// It has fields that the table has not.
    Extra(String),
    Other(String),
}

impl Decoder {
    pub(super) fn new(descriptor: &DescriptorProto, schema: &Arc<Schema>) -> Result<Self, Mismatch> {
        let name = descriptor.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| "Row".into());
        let mut descriptor = descriptor.clone();
        descriptor.name = Some(name.clone());
        with_presence(&mut descriptor);
        let file = FileDescriptorProto {
            name: Some("rows.proto".into()),
            syntax: Some("proto2".into()),
            message_type: vec![descriptor],
            ..FileDescriptorProto::default()
        };
        let broken = |error: String| Mismatch::Other(format!("Invalid proto schema: {error}"));
        let mut pool = DescriptorPool::new();
        pool.add_file_descriptor_proto(file).map_err(|error| broken(error.to_string()))?;
        let message = pool.get_message_by_name(&name).ok_or_else(|| broken(format!("no message {name}")))?;
        let is_change = |field: &FieldDescriptor| field.name().eq_ignore_ascii_case(CHANGE_TYPE);
        let change = message.fields().find(is_change);
        let plan = plan(&message, schema, "")?;
        Ok(Self { message, plan, change, schema: schema.clone() })
    }

    /// One row, and what is to be done with it.
    pub(super) fn row(&self, bytes: &[u8], key: &[usize]) -> Result<(Change, Row), Problem> {
        let message = DynamicMessage::decode(self.message.clone(), bytes)
            .map_err(|error| Problem::at("", format!("The row cannot be read: {error}")))?;
        let change = match &self.change {
            None => Change::Insert,
            Some(field) => Change::of(message.get_field(field).as_str(), key)?,
        };
        let mut row = Row::with_capacity(self.schema.fields.len());
        for (at, (field, source)) in self.schema.fields.iter().zip(&self.plan.0).enumerate() {
            let value = source.as_ref().and_then(|(source, inner)| {
                message.has_field(source).then(|| (message.get_field(source), inner.as_ref()))
            });
            row.push(match value {
                Some((value, inner)) => column(field, &value, inner)?,
                None if field.mode == Mode::Repeated => Cell::Text("[]".into()),
                None if field.mode == Mode::Required && (change != Change::Delete || key.contains(&at)) => {
                    return Err(Problem::missing(field));
                }
                None => Cell::Null,
            });
        }
        Ok((change, row))
    }
}

/// As proto2 has it, a field that is not sent is NULL; proto3's marks for that are not known there.
fn with_presence(descriptor: &mut DescriptorProto) {
    for field in &mut descriptor.field {
        field.proto3_optional = None;
    }
    for oneof in (0..descriptor.oneof_decl.len()).rev() {
        let index = i32::try_from(oneof).ok();
        let synthetic = descriptor.oneof_decl[oneof].name.as_ref().is_some_and(|name| name.starts_with('_'));
        if synthetic && oneof + 1 == descriptor.oneof_decl.len() {
            for field in descriptor.field.iter_mut().filter(|field| field.oneof_index == index) {
                field.oneof_index = None;
            }
            descriptor.oneof_decl.pop();
        }
    }
    for nested in &mut descriptor.nested_type {
        with_presence(nested);
    }
}

fn plan(message: &MessageDescriptor, schema: &Schema, place: &str) -> Result<Plan, Mismatch> {
    for field in message.fields() {
        let pseudo = place.is_empty() && field.name().eq_ignore_ascii_case(CHANGE_TYPE);
        if !pseudo && schema.find(field.name()).is_none() {
            return Err(Mismatch::Extra(format!("{place}{}", field.name())));
        }
    }
    let source = |field: &Field| {
        let source = message.fields().find(|source| source.name().eq_ignore_ascii_case(&field.name));
        let Some(source) = source else { return Ok(None) };
        let name = format!("{place}{}", field.name);
        if source.is_list() != (field.mode == Mode::Repeated) {
            return Err(Mismatch::Other(format!(
                "The field {name} is repeated in the table or in the message, and not in both"
            )));
        }
        let inner = match (&field.ty, source.kind()) {
            (Type::Struct(schema), Kind::Message(message)) => {
                Some(plan(&message, schema, &format!("{name}."))?)
            }
            (Type::Struct(_), _) | (_, Kind::Message(_)) => {
                return Err(Mismatch::Other(format!(
                    "The field {name} is a record in the table or in the message, and not in both"
                )));
            }
            _ => None,
        };
        Ok(Some((source, inner)))
    };
    schema.fields.iter().map(source).collect::<Result<_, _>>().map(Plan)
}

fn column(field: &Field, value: &Proto, inner: Option<&Plan>) -> Result<Cell, Problem> {
    match (field.mode, &field.ty) {
        (Mode::Repeated, _) | (_, Type::Struct(_)) => {
            Ok(Cell::Text(nested(field, value, inner)?.to_string()))
        }
        (_, ty) => cell(ty, value).map_err(|message| Problem::at(&field.name, message)),
    }
}

/// A value as it stands within a stored struct or array.
fn nested(field: &Field, value: &Proto, inner: Option<&Plan>) -> Result<Value, Problem> {
    match value {
        Proto::List(items) => items.iter().map(|item| nested(field, item, inner)).collect(),
        Proto::Message(message) => match (&field.ty, inner) {
            (Type::Struct(schema), Some(plan)) => {
                structure(schema, plan, message).map_err(|problem| problem.inside(&field.name))
            }
            _ => Err(Problem::at(&field.name, "A message is not expected here.")),
        },
        value => {
            let cell = cell(&field.ty, value).map_err(|message| Problem::at(&field.name, message))?;
            Ok(nested_scalar(&field.ty, cell))
        }
    }
}

fn structure(schema: &Schema, plan: &Plan, message: &DynamicMessage) -> Result<Value, Problem> {
    let mut object = Map::new();
    for (field, source) in schema.fields.iter().zip(&plan.0) {
        let sent = source.as_ref().filter(|(source, _)| message.has_field(source));
        match sent {
            Some((source, inner)) => {
                let value = nested(field, &message.get_field(source), inner.as_ref())?;
                object.insert(field.name.clone(), value);
            }
            None if field.mode == Mode::Repeated => {
                object.insert(field.name.clone(), Value::Array(Vec::new()));
            }
            None if field.mode == Mode::Required => return Err(Problem::missing(field)),
            None => {}
        }
    }
    Ok(Value::Object(object))
}

fn cell(ty: &Type, value: &Proto) -> Result<Cell, String> {
    let out_of_range = || format!("The value is out of range for {}.", ty.sql_name());
    match (ty, value) {
        (Type::Bool, Proto::Bool(value)) => Ok(Cell::Integer(i64::from(*value))),
        (Type::String, Proto::String(text)) => Ok(Cell::Text(text.clone())),
        (Type::Bytes, Proto::Bytes(bytes)) => Ok(Cell::Blob(bytes.to_vec())),
        (Type::Bytes, Proto::String(text)) => Ok(Cell::Blob(text.clone().into_bytes())),
        (Type::Float64, Proto::F64(value)) => float(*value),
        (Type::Float64, Proto::F32(value)) => float(f64::from(*value)),
        (Type::Numeric | Type::BigNumeric, Proto::F64(value)) => scalar(ty, &value.to_string()),
        (Type::Numeric | Type::BigNumeric, Proto::F32(value)) => scalar(ty, &value.to_string()),
        (_, Proto::String(text)) => scalar(ty, text),
        (ty, value) => {
            let number = integer(value)
                .ok_or_else(|| format!("This field cannot be sent as it is for {}.", ty.sql_name()))?;
            match ty {
                Type::Int64 => Ok(Cell::Integer(number)),
                Type::Float64 => Ok(Cell::Real(number as f64)),
                Type::Numeric | Type::BigNumeric => scalar(ty, &number.to_string()),
                Type::Timestamp => checked_micros(number).map(Cell::Integer).ok_or_else(out_of_range),
                Type::Date => checked_day(number).map(Cell::Integer).ok_or_else(out_of_range),
                Type::Datetime | Type::Time => {
                    Err(format!("the emulator takes {} as text and not as packed integers", ty.sql_name()))
                }
                _ => Err(format!("Integers cannot be sent for {}.", ty.sql_name())),
            }
        }
    }
}

fn float(value: f64) -> Result<Cell, String> {
    if value.is_nan() { Err("the emulator cannot store NaN".into()) } else { Ok(Cell::Real(value)) }
}

fn integer(value: &Proto) -> Option<i64> {
    match value {
        Proto::I32(value) => Some(i64::from(*value)),
        Proto::I64(value) => Some(*value),
        Proto::U32(value) => Some(i64::from(*value)),
        Proto::U64(value) => i64::try_from(*value).ok(),
        _ => None,
    }
}

/// Reads bytes as a row whose fields are those of a schema, each as text or as a number; and as a description.
#[cfg(any(test, fuzzing))]
pub(super) fn check(data: &[u8], schema: &Schema) {
    use prost::Message as _;
    use prost_types::FieldDescriptorProto;
    use prost_types::field_descriptor_proto::{Label, Type as Wire};

    fn message(name: &str, schema: &Schema, of: &mut impl FnMut(&Field) -> Wire) -> DescriptorProto {
        let mut descriptor = DescriptorProto { name: Some(name.to_owned()), ..Default::default() };
        for (field, number) in schema.fields.iter().zip(1..) {
            let label = if field.mode == Mode::Repeated { Label::Repeated } else { Label::Optional };
            let mut described = FieldDescriptorProto {
                name: Some(field.name.clone()),
                number: Some(number),
                ..Default::default()
            };
            described.set_label(label);
            match &field.ty {
                Type::Struct(inner) => {
                    described.set_type(Wire::Message);
                    described.type_name = Some(format!("M{number}"));
                    descriptor.nested_type.push(message(&format!("M{number}"), inner, of));
                }
                _ => described.set_type(of(field)),
            }
            descriptor.field.push(described);
        }
        descriptor
    }
    let schema = Arc::new(schema.clone());
    let number = |field: &Field| match field.ty {
        Type::Bool => Wire::Bool,
        Type::Bytes => Wire::Bytes,
        Type::Float64 | Type::Numeric | Type::BigNumeric => Wire::Double,
        _ => Wire::Int64,
    };
    for mut of in [Box::new(number) as Box<dyn FnMut(&Field) -> Wire>, Box::new(|_: &Field| Wire::String)] {
        if let Ok(decoder) = Decoder::new(&message("Row", &schema, &mut of), &schema) {
            let _ = decoder.row(data, &[0]);
        }
    }
    if let Ok(descriptor) = DescriptorProto::decode(data) {
        let _ = Decoder::new(&descriptor, &schema);
    }
}
