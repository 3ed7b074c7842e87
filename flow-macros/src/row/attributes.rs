//! What serde's attributes and ours say about a struct and its fields.

use proc_macro2::{Span, TokenTree};
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, LitStr, Result, Token, token};

/// About the struct.
#[derive(Default)]
pub(super) struct OfStruct {
    pub(super) rename_all: Option<LitStr>,
    /// The name of a column that serde adds.
    pub(super) tag: Option<LitStr>,
}

/// About a field.
#[derive(Default)]
pub(super) struct OfField {
    pub(super) rename: Option<LitStr>,
    pub(super) skip: bool,
    pub(super) skip_if: bool,
    pub(super) flatten: bool,
    /// Where another function writes it.
    pub(super) with: Option<Span>,
    pub(super) kind: Option<LitStr>,
    pub(super) description: Option<LitStr>,
    pub(super) required: Option<Span>,
    pub(super) nullable: Option<Span>,
}

impl OfStruct {
    pub(super) fn of(attributes: &[Attribute]) -> Result<Self> {
        let mut of = OfStruct::default();
        for attribute in attributes {
            if attribute.path().is_ident("serde") {
                attribute.parse_nested_meta(|meta| of.serde(&meta))?;
            } else if attribute.path().is_ident("bigquery") {
                let message = "#[bigquery(..)] belongs to the fields of a row";
                return Err(Error::new_spanned(attribute.path(), message));
            }
        }
        Ok(of)
    }

    fn serde(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        for other in ["transparent", "into", "remote", "untagged", "content"] {
            if meta.path.is_ident(other) {
                return Err(meta.error(format!(
                    "with `{other}` serde does not write the fields of this struct, so that they are no columns: \
                     derive TableRow for the type that it writes"
                )));
            }
        }
        if meta.path.is_ident("rename_all") {
            self.rename_all = serialized(meta)?.or(self.rename_all.take());
            return Ok(());
        }
        if meta.path.is_ident("tag") {
            self.tag = Some(meta.value()?.parse()?);
            return Ok(());
        }
        skip_value(meta)
    }
}

impl OfField {
    pub(super) fn of(attributes: &[Attribute]) -> Result<Self> {
        let mut of = OfField::default();
        for attribute in attributes {
            if attribute.path().is_ident("serde") {
                attribute.parse_nested_meta(|meta| of.serde(&meta))?;
            } else if attribute.path().is_ident("bigquery") {
                attribute.parse_nested_meta(|meta| of.ours(&meta))?;
            }
        }
        Ok(of)
    }

    fn serde(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let is = |name: &str| meta.path.is_ident(name);
        if is("rename") {
            self.rename = serialized(meta)?.or(self.rename.take());
            return Ok(());
        }
        self.skip |= is("skip") || is("skip_serializing");
        self.skip_if |= is("skip_serializing_if");
        self.flatten |= is("flatten");
        if is("with") || is("serialize_with") {
            self.with = Some(syn::spanned::Spanned::span(&meta.path));
        }
        skip_value(meta)
    }

    fn ours(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let span = syn::spanned::Spanned::span(&meta.path);
        if meta.path.is_ident("type") {
            self.kind = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("description") {
            self.description = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("required") {
            self.required = Some(span);
        } else if meta.path.is_ident("nullable") {
            self.nullable = Some(span);
        } else {
            return Err(meta.error(
                "a column has `type = \"NUMERIC\"`, `description = \"..\"`, `required` and `nullable`; its name is \
                 #[serde(rename = \"..\")]",
            ));
        }
        Ok(())
    }
}

/// The name with which serde writes: `= ".."`, or `(serialize = "..", ..)`.
fn serialized(meta: &ParseNestedMeta<'_>) -> Result<Option<LitStr>> {
    if meta.input.peek(Token![=]) {
        return meta.value()?.parse().map(Some);
    }
    let mut name = None;
    meta.parse_nested_meta(|inner| {
        let value: LitStr = inner.value()?.parse()?;
        if inner.path.is_ident("serialize") {
            name = Some(value);
        }
        Ok(())
    })?;
    Ok(name)
}

/// Goes past the value of what says nothing about columns; serde itself says if it is wrong.
fn skip_value(meta: &ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.peek(Token![=]) || meta.input.peek(token::Paren) {
        while !meta.input.is_empty() && !meta.input.peek(Token![,]) {
            meta.input.parse::<TokenTree>()?;
        }
    }
    Ok(())
}
