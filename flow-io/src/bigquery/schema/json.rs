//! Schemas in the service's JSON.

use serde::de::Error as _;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::Fact;
use super::{Field, FieldType, Mode, Schema, SchemaError};

impl Schema {
    /// Reads a schema in the service's JSON: a list of `{"name", "type", "mode", "fields", "description"}`, or an object
    /// with that list as `fields`, as `bq show --schema` and the REST API print it. Old and new names of types count.
    ///
    /// # Errors
    /// If the text is no such JSON, or the columns are not for a table (see [`new`](Schema::new)).
    pub fn from_json(text: &str) -> Result<Self, SchemaError> {
        let read: Schema = serde_json::from_str(text)
            .map_err(|error| SchemaError::new("", Fact::Json(error.to_string())))?;
        Schema::new(read.fields)
    }
}

/// A list of columns.
impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        columns(&self.fields, serializer)
    }
}

fn columns<S: Serializer>(fields: &[Field], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(fields.len()))?;
    for field in fields {
        list.serialize_element(field)?;
    }
    list.end()
}

/// A list of columns, or an object with `fields`. The rules for names are not asked for, since tables that exist may have
/// other names.
impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "wanted a list of columns, each with at least a name and a type")]
        enum Read {
            List(Vec<Spelled>),
            Object { fields: Vec<Spelled> },
        }
        let (Read::List(list) | Read::Object { fields: list }) = Read::deserialize(deserializer)?;
        let fields = list.into_iter().map(Field::try_from).collect::<Result<_, _>>();
        Ok(Schema { fields: fields.map_err(D::Error::custom)? })
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Spelled::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spelled::deserialize(deserializer)?.try_into().map_err(D::Error::custom)
    }
}

/// A column as the service spells it.
#[derive(Serialize, Deserialize)]
struct Spelled {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<Spelled>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

impl From<&Field> for Spelled {
    fn from(field: &Field) -> Self {
        let fields = match &field.kind {
            FieldType::Record(fields) => Some(fields.iter().map(Spelled::from).collect()),
            _ => None,
        };
        Spelled {
            name: field.name.clone(),
            kind: field.kind.name().to_owned(),
            mode: Some(field.mode.name().to_owned()),
            fields,
            description: field.description.clone(),
        }
    }
}

impl TryFrom<Spelled> for Field {
    type Error = SchemaError;

    fn try_from(spelled: Spelled) -> Result<Self, SchemaError> {
        let Spelled { name, kind, mode, fields, description } = spelled;
        let inner =
            fields.unwrap_or_default().into_iter().map(Field::try_from).collect::<Result<Vec<_>, _>>();
        let inner = inner.map_err(|error| error.within(&name))?;
        let Some(kind) = FieldType::of_name(&kind, inner) else {
            return Err(SchemaError::new(name, Fact::Type(kind)));
        };
        let mode = match mode.as_deref() {
            None | Some("") => Mode::Nullable,
            Some(mode) => {
                Mode::of_name(mode).ok_or_else(|| SchemaError::new(&name, Fact::Mode(mode.to_owned())))?
            }
        };
        Ok(Field { name, kind, mode, description })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_names_of_types_are_read() {
        let text = r#"[
            {"name": "n", "type": "INTEGER"}, {"name": "m", "type": "INT64", "mode": "REQUIRED"},
            {"name": "f", "type": "FLOAT"}, {"name": "g", "type": "float64"},
            {"name": "b", "type": "BOOLEAN"}, {"name": "c", "type": "BOOL", "description": "whether"},
            {"name": "r", "type": "STRUCT", "mode": "REPEATED", "fields": [{"name": "x", "type": "STRING"}]},
            {"name": "s", "type": "RECORD", "fields": [{"name": "x", "type": "JSON"}], "policyTags": {}}
        ]"#;
        let inner = |kind| FieldType::Record(vec![Field::nullable("x", kind)]);
        let wanted = [
            Field::nullable("n", FieldType::Int64),
            Field::required("m", FieldType::Int64),
            Field::nullable("f", FieldType::Float64),
            Field::nullable("g", FieldType::Float64),
            Field::nullable("b", FieldType::Bool),
            Field::nullable("c", FieldType::Bool).described("whether"),
            Field::repeated("r", inner(FieldType::String)),
            Field::nullable("s", inner(FieldType::Json)),
        ];
        assert_eq!(Schema::from_json(text).unwrap().fields(), wanted);
        assert_eq!(Schema::from_json(&format!("{{\"fields\": {text}}}")).unwrap().fields(), wanted);
    }

    #[test]
    fn what_is_written_is_the_services_form() {
        let point = FieldType::Record(vec![Field::required("x", FieldType::Float64)]);
        let schema = Schema::new(vec![Field::repeated("points", point).described("all")]).unwrap();
        let wanted = r#"[{"name":"points","type":"RECORD","mode":"REPEATED","fields":[{"name":"x","type":"FLOAT64","mode":"REQUIRED"}],"description":"all"}]"#;
        assert_eq!(serde_json::to_string(&schema).unwrap(), wanted);
        assert_eq!(Schema::from_json(wanted).unwrap(), schema);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |text| Schema::from_json(text).unwrap_err().to_string();
        let wanted = "not a schema in JSON: wanted a list of columns, each with at least a name and a type";
        assert_eq!(error(r#"[{"name": "x"}]"#), wanted);
        let inner = r#"[{"name": "r", "type": "RECORD", "fields": [{"name": "x", "type": "RANGE"}]}]"#;
        assert!(
            error(inner).starts_with(
                "not a schema in JSON: the column `r.x` has the type \"RANGE\", which is none of"
            )
        );
        assert!(error("[]").starts_with("a table needs at least one column"));
        assert!(error("{").starts_with("not a schema in JSON: "));
        assert!(
            error(r#"[{"name": "a b", "type": "STRING"}]"#).starts_with("the column `a b` has a name that")
        );
    }

    #[test]
    fn tables_that_exist_may_have_other_names() {
        let read: Schema =
            serde_json::from_str(r#"{"fields": [{"name": "größe", "type": "INTEGER"}]}"#).unwrap();
        assert_eq!(read.fields(), [Field::nullable("größe", FieldType::Int64)]);
    }
}
