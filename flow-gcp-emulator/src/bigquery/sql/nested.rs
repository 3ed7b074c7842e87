//! Arrays and structs: made, and taken apart.

use sqlparser::ast::{AccessExpr, Expr, Function, Subscript};

use super::super::error::{Error, Result};
use super::super::schema::Type;
use super::bound::{Bound, Output, fields_of, into_json, quote, stored_scalar, unify};
use super::functions::arguments;
use super::names::Cx;
use super::{Binder, unsupported};

impl Binder<'_> {
    pub(super) fn array_of(&self, elements: &[Expr], cx: &Cx<'_>) -> Result<Bound> {
        let mut values = elements.iter().map(|each| self.expression(each, cx)).collect::<Result<Vec<_>>>()?;
        let ty = unify(&mut values, "an array")?.unwrap_or(Type::Int64);
        if matches!(ty, Type::Array(_)) {
            return Err(Error::query("Cannot construct array with element type ARRAY"));
        }
        let list: Vec<_> = values.iter().map(into_json).collect();
        Ok(Bound::new(format!("json_array({})", list.join(", ")), Type::Array(Box::new(ty))))
    }

    pub(super) fn struct_of(&self, values: &[Expr], cx: &Cx<'_>) -> Result<Bound> {
        let mut parts = Vec::new();
        let mut columns = Vec::new();
        for value in values {
            let (expr, name) = match value {
                Expr::Named { expr, name } => (&**expr, Some(name.value.clone())),
                Expr::Identifier(ident) => (value, Some(ident.value.clone())),
                Expr::CompoundIdentifier(idents) => (value, idents.last().map(|ident| ident.value.clone())),
                other => (other, None),
            };
            let bound = self.expression(expr, cx)?;
            columns.push(Output { name, ty: bound.ty.clone() });
            parts.push(bound);
        }
        let schema = fields_of(&columns);
        let parts = schema.fields.iter().zip(&parts);
        let parts: Vec<_> =
            parts.map(|(field, part)| format!("{}, {}", quote(&field.name), into_json(part))).collect();
        Ok(Bound::new(format!("json_object({})", parts.join(", ")), Type::Struct(schema.into())))
    }

    /// `array[OFFSET(0)]` and fields behind it.
    pub(super) fn access(&self, root: &Expr, chain: &[AccessExpr], cx: &Cx<'_>) -> Result<Bound> {
        let mut bound = self.expression(root, cx)?;
        for access in chain {
            bound = match access {
                AccessExpr::Dot(Expr::Identifier(ident)) => bound.field(&ident.value)?,
                AccessExpr::Subscript(Subscript::Index { index: Expr::Function(function) }) => {
                    self.element(&bound, function, cx)?
                }
                other => return Err(unsupported(format!("the access {other}: write [OFFSET(..)]"))),
            };
        }
        Ok(bound)
    }

    fn element(&self, array: &Bound, at: &Function, cx: &Cx<'_>) -> Result<Bound> {
        let Some(Type::Array(of)) = &array.ty else {
            return Err(Error::query(format!("Element access is not supported on {}", array.type_name())));
        };
        let name = at.name.to_string().to_ascii_uppercase();
        let args = arguments(at)?;
        let [index] = &args[..] else { return Err(unsupported(format!("{name} without one index"))) };
        let index = self.expression(index, cx)?.expect(&Type::Int64, &name)?.sql;
        let (first, safe) = match name.as_str() {
            "OFFSET" => (0, 0),
            "ORDINAL" => (1, 0),
            "SAFE_OFFSET" => (0, 1),
            "SAFE_ORDINAL" => (1, 1),
            _ => return Err(unsupported(format!("[{name}(..)]"))),
        };
        let value =
            format!("json_extract({}, bq_element({}, {index} - {first}, {safe}))", array.sql, array.sql);
        Ok(Bound::new(stored_scalar(&value, of), (**of).clone()))
    }
}
