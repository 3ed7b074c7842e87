//! The columns of a struct: every rule is checked here, and all that is wrong is said at once.

use proc_macro2::{Ident, Span, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Error, Field, Fields, LitStr, Result, Type};

use super::attributes::{OfField, OfStruct};
use super::case::renamed;
use super::shape::{self, Mode};

/// A column, or the columns of a flattened field.
pub(super) struct Column<'a> {
    pub(super) name: String,
    /// `None` for the tag that serde adds.
    pub(super) ty: Option<&'a Type>,
    pub(super) kind: Kind,
    /// The value may be left out.
    pub(super) optional: bool,
    /// In place of the type's.
    pub(super) mode: Option<Mode>,
    pub(super) description: Option<LitStr>,
    span: Span,
}

pub(super) enum Kind {
    /// That of the field's type.
    OfType,
    /// As an attribute says.
    Named(Ident, Mode),
    /// The columns of the field's type are columns of the row.
    Flatten,
}

/// The struct's columns, if it is a row.
pub(super) fn columns(input: &DeriveInput) -> Result<Vec<Column<'_>>> {
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => &fields.named,
            Fields::Unnamed(_) | Fields::Unit => return Err(no_row(input)),
        },
        Data::Enum(_) | Data::Union(_) => return Err(no_row(input)),
    };
    let of = OfStruct::of(&input.attrs)?;
    let mut columns: Vec<Column<'_>> = of.tag.iter().map(tag).collect();
    let mut wrong = Vec::new();
    for field in fields {
        match column(input, &of, field) {
            Ok(column) => columns.extend(column),
            Err(error) => wrong.push(error),
        }
    }
    wrong.extend(columns.iter().filter_map(wrong_name));
    wrong.extend(twice(&columns));
    if columns.is_empty() && wrong.is_empty() {
        wrong.push(Error::new_spanned(&input.ident, "a row needs at least one column"));
    }
    let together = |mut all: Error, one| {
        all.combine(one);
        all
    };
    wrong.into_iter().reduce(together).map_or(Ok(columns), Err)
}

fn no_row(input: &DeriveInput) -> Error {
    let message = "only a struct with named fields is a row: each of its fields becomes a column";
    Error::new_spanned(&input.ident, message)
}

fn tag<'a>(name: &LitStr) -> Column<'a> {
    let kind = Kind::Named(Ident::new("String", Span::call_site()), Mode::Required);
    Column {
        name: name.value(),
        ty: None,
        kind,
        optional: false,
        mode: None,
        description: None,
        span: name.span(),
    }
}

/// The column of a field, unless serde leaves it out.
fn column<'a>(input: &DeriveInput, of: &OfStruct, field: &'a Field) -> Result<Option<Column<'a>>> {
    let about = OfField::of(&field.attrs)?;
    if about.skip {
        return Ok(None);
    }
    let ident = field.ident.as_ref().expect("named fields have names");
    let name = name(ident, of, &about)?;
    let (ty, kind) = kind(field, &about)?;
    if !matches!(kind, Kind::Named(..)) && mentions_itself(ty, &input.ident) {
        let message = "a row cannot hold rows of its own type, since columns nest at most 15 levels: \
                       #[bigquery(type = \"JSON\")] holds any depth";
        return Err(Error::new_spanned(ty, message));
    }
    let optional = match kind {
        Kind::Flatten => shape::in_option(&field.ty).is_some(),
        _ => about.skip_if && about.required.is_none(),
    };
    let (kind, optional) = match kind {
        Kind::Named(kind, Mode::Required) if optional => (Kind::Named(kind, Mode::Nullable), false),
        Kind::Named(kind, mode) => (Kind::Named(kind, mode), false),
        kind => (kind, optional),
    };
    let mode = match kind {
        Kind::OfType => said_mode(&about),
        _ => None,
    };
    Ok(Some(Column {
        name,
        ty: Some(ty),
        kind,
        optional,
        mode,
        description: about.description,
        span: ident.span(),
    }))
}

fn name(ident: &Ident, of: &OfStruct, about: &OfField) -> Result<String> {
    let name = ident.unraw().to_string();
    match (&about.rename, &of.rename_all) {
        (Some(given), _) => Ok(given.value()),
        (None, None) => Ok(name),
        (None, Some(rule)) => renamed(&name, &rule.value())
            .ok_or_else(|| Error::new_spanned(rule, "serde has no such rule for the names of fields")),
    }
}

/// The type that counts, and what its column is.
fn kind<'a>(field: &'a Field, about: &OfField) -> Result<(&'a Type, Kind)> {
    let ty = &field.ty;
    if about.flatten {
        let ours = [about.kind.as_ref().map(LitStr::span), about.required, about.nullable];
        if let Some(span) = ours.into_iter().flatten().next() {
            return Err(Error::new(
                span,
                "a flattened field is many columns: say this at the fields of its type",
            ));
        }
        return Ok((shape::in_option(ty).unwrap_or(ty), Kind::Flatten));
    }
    let Some(name) = &about.kind else {
        if let Some(span) = about.with {
            let message =
                "what this function writes has a type of its own: say it with #[bigquery(type = \"..\")]";
            return Err(Error::new(span, message));
        }
        one_value(about, shape::mode(ty, true))?;
        return Ok((ty, Kind::OfType));
    };
    let variant = variant(name)?;
    if variant == "Json" && about.with.is_none() && shape::is_text(ty) {
        let message = "text in a JSON column is a JSON string, and not the JSON that it spells: hold a \
                       serde_json::Value or a Box<serde_json::value::RawValue>";
        return Err(Error::new_spanned(ty, message));
    }
    // Bytes that a function writes are one value, too, as text in hex.
    let mode = shape::mode(ty, variant == "Bytes" || about.with.is_some());
    if variant != "Json" && about.with.is_none() {
        one_value(about, mode)?;
    }
    let mode = said_mode(about).unwrap_or(mode);
    Ok((ty, Kind::Named(Ident::new(variant, Span::call_site()), mode)))
}

fn said_mode(about: &OfField) -> Option<Mode> {
    let required = about.required.map(|_| Mode::Required);
    required.or(about.nullable.map(|_| Mode::Nullable))
}

/// An array has no other mode.
fn one_value(about: &OfField, mode: Mode) -> Result<()> {
    match about.required.or(about.nullable) {
        Some(span) if mode == Mode::Repeated => {
            Err(Error::new(span, "an array is REPEATED: it is neither required nor may it be NULL"))
        }
        _ => Ok(()),
    }
}

/// The variant of `FieldType` with that name.
fn variant(name: &LitStr) -> Result<&'static str> {
    Ok(match name.value().to_ascii_uppercase().as_str() {
        "STRING" => "String",
        "BYTES" => "Bytes",
        "INTEGER" | "INT64" => "Int64",
        "FLOAT" | "FLOAT64" => "Float64",
        "NUMERIC" => "Numeric",
        "BIGNUMERIC" => "BigNumeric",
        "BOOLEAN" | "BOOL" => "Bool",
        "TIMESTAMP" => "Timestamp",
        "DATE" => "Date",
        "TIME" => "Time",
        "DATETIME" => "DateTime",
        "JSON" => "Json",
        "GEOGRAPHY" => "Geography",
        "RECORD" | "STRUCT" => {
            return Err(Error::new_spanned(
                name,
                "a record has columns: derive TableRow for the type of the field",
            ));
        }
        _ => {
            let message = "no type of a column: STRING, BYTES, INT64, FLOAT64, NUMERIC, BIGNUMERIC, BOOL, TIMESTAMP, \
                           DATE, TIME, DATETIME, JSON and GEOGRAPHY are";
            return Err(Error::new_spanned(name, message));
        }
    })
}

/// Whether a type names the struct, not as something of another module.
fn mentions_itself(ty: &Type, name: &Ident) -> bool {
    fn within(tokens: proc_macro2::TokenStream, name: &Ident) -> bool {
        let mut path = false;
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => !std::mem::take(&mut path) && (ident == *name || ident == "Self"),
            TokenTree::Punct(punct) => {
                path = punct.as_char() == ':';
                false
            }
            TokenTree::Group(group) => within(group.stream(), name),
            TokenTree::Literal(_) => false,
        })
    }
    within(ty.to_token_stream(), name)
}

const RESERVED: [&str; 6] =
    ["_TABLE_", "_FILE_", "_PARTITION", "_ROW_TIMESTAMP", "__ROOT__", "_COLIDENTIFIER"];

fn wrong_name(column: &Column<'_>) -> Option<Error> {
    let Column { name, kind, span, .. } = column;
    if matches!(kind, Kind::Flatten) {
        return None;
    }
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts =
        |prefix: &&str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let rename = "give it another with #[serde(rename = \"..\")]";
    let message = if name.is_empty()
        || name.starts_with(|c: char| c.is_ascii_digit())
        || !name.chars().all(letters)
    {
        format!(
            "`{name}` is no name of a column: letters, digits and underscores only, and no digit at the start; {rename}"
        )
    } else if name.len() > 300 {
        format!("the name of a column has at most 300 characters; {rename}")
    } else if let Some(prefix) = RESERVED.iter().find(|prefix| starts(prefix)) {
        format!("`{name}` begins with `{prefix}`, which BigQuery keeps for itself; {rename}")
    } else {
        return None;
    };
    Some(Error::new(*span, message))
}

fn twice(columns: &[Column<'_>]) -> Option<Error> {
    let named = || columns.iter().filter(|column| !matches!(column.kind, Kind::Flatten));
    let same = |(at, column): &(usize, &Column<'_>)| {
        named().take(*at).any(|before| before.name.eq_ignore_ascii_case(&column.name))
    };
    let (_, column) = named().enumerate().find(same)?;
    let message = format!(
        "two columns would be named `{}`, and BigQuery does not tell upper case from lower case: rename one of them",
        column.name
    );
    Some(Error::new(column.span, message))
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    /// Each of its errors, in order.
    fn errors(input: DeriveInput) -> Vec<String> {
        let error = columns(&input).err().expect("the struct is no row");
        error.into_iter().map(|error| error.to_string()).collect()
    }

    #[test]
    fn only_structs_with_named_fields_are_rows() {
        let wanted = ["only a struct with named fields is a row: each of its fields becomes a column"];
        assert_eq!(
            errors(parse_quote!(
                struct Pair(u8, u8);
            )),
            wanted
        );
        assert_eq!(
            errors(parse_quote!(
                enum Event {
                    Order(Order),
                }
            )),
            wanted
        );
        assert_eq!(
            errors(parse_quote!(
                struct Nothing {}
            )),
            ["a row needs at least one column"]
        );
    }

    #[test]
    fn names_are_those_that_the_service_takes() {
        let errors = errors(parse_quote! {
            #[serde(rename_all = "kebab-case")]
            struct Row {
                order_id: u8,
                #[serde(rename = "_table_x")]
                table: u8,
                #[serde(rename = "A")]
                first: u8,
                a: u8,
            }
        });
        assert_eq!(
            errors,
            [
                "`order-id` is no name of a column: letters, digits and underscores only, and no digit at the start; \
                 give it another with #[serde(rename = \"..\")]",
                "`_table_x` begins with `_TABLE_`, which BigQuery keeps for itself; give it another with \
                 #[serde(rename = \"..\")]",
                "two columns would be named `a`, and BigQuery does not tell upper case from lower case: rename one of \
                 them",
            ]
        );
    }

    #[test]
    fn types_are_those_of_columns() {
        let errors = errors(parse_quote! {
            struct Row {
                #[bigquery(type = "TEXT")]
                a: u8,
                #[bigquery(type = "RECORD")]
                b: Inner,
                #[bigquery(type = "JSON")]
                c: Option<String>,
                #[bigquery(kind = "JSON")]
                d: u8,
                #[serde(serialize_with = "hex")]
                e: u8,
            }
        });
        assert_eq!(
            errors,
            [
                "no type of a column: STRING, BYTES, INT64, FLOAT64, NUMERIC, BIGNUMERIC, BOOL, TIMESTAMP, DATE, TIME, \
                 DATETIME, JSON and GEOGRAPHY are",
                "a record has columns: derive TableRow for the type of the field",
                "text in a JSON column is a JSON string, and not the JSON that it spells: hold a serde_json::Value or a \
                 Box<serde_json::value::RawValue>",
                "a column has `type = \"NUMERIC\"`, `description = \"..\"`, `required` and `nullable`; its name is \
                 #[serde(rename = \"..\")]",
                "what this function writes has a type of its own: say it with #[bigquery(type = \"..\")]",
            ]
        );
    }

    #[test]
    fn modes_are_those_of_the_fields() {
        let errors = errors(parse_quote! {
            struct Row {
                #[bigquery(nullable)]
                a: Vec<u16>,
                #[serde(flatten)]
                #[bigquery(required)]
                b: Inner,
            }
        });
        assert_eq!(
            errors,
            [
                "an array is REPEATED: it is neither required nor may it be NULL",
                "a flattened field is many columns: say this at the fields of its type",
            ]
        );
    }

    #[test]
    fn a_row_that_holds_itself_is_refused() {
        let wanted = "a row cannot hold rows of its own type, since columns nest at most 15 levels: \
                      #[bigquery(type = \"JSON\")] holds any depth";
        assert_eq!(
            errors(parse_quote!(
                struct Node {
                    n: u8,
                    children: Vec<Node>,
                }
            )),
            [wanted]
        );
        assert_eq!(
            errors(parse_quote!(
                struct Node {
                    next: Option<Box<Self>>,
                }
            )),
            [wanted]
        );
        let other: DeriveInput = parse_quote!(
            struct Node {
                children: Vec<wire::Node>,
            }
        );
        assert!(columns(&other).is_ok());
    }

    #[test]
    fn what_serde_does_not_write_field_by_field_is_refused() {
        let wanted = "with `into` serde does not write the fields of this struct, so that they are no columns: derive \
                      TableRow for the type that it writes";
        assert_eq!(
            errors(parse_quote!(
                #[serde(into = "Wire")]
                struct Row {
                    n: u8,
                }
            )),
            [wanted]
        );
    }
}
