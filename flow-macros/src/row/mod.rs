//! The expansion of `derive(TableRow)`.

mod attributes;
mod case;
mod columns;
mod shape;

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{DeriveInput, Generics, Result, parse_quote};

use self::columns::{Column, Kind, columns};
use self::shape::Mode;
use crate::split::mentions;

/// The implementations of `TableRow` and `Column`, or what is wrong with the struct.
pub(crate) fn expand(input: DeriveInput) -> Result<TokenStream> {
    let columns = columns(&input)?;
    let name = &input.ident;
    let generics = bounded(input.generics.clone(), &columns);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let count = columns.len();
    let additions = columns.iter().map(Column::addition);
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::flow_io::bigquery::schema::TableRow for #name #type_generics #where_clause {
            fn fields() -> ::std::vec::Vec<::flow_io::bigquery::schema::Field> {
                let mut fields = ::std::vec::Vec::with_capacity(#count);
                #(#additions)*
                fields
            }
        }
        #[automatically_derived]
        impl #impl_generics ::flow_io::bigquery::schema::Column for #name #type_generics #where_clause {
            fn kind() -> ::flow_io::bigquery::schema::FieldType {
                ::flow_io::bigquery::schema::FieldType::Record(
                    <Self as ::flow_io::bigquery::schema::TableRow>::fields(),
                )
            }
        }
    })
}

impl Column<'_> {
    /// The statement that adds it to `fields`.
    fn addition(&self) -> TokenStream {
        // Points at the field's type, which is what is wrong if it has no column.
        let span = self.ty.map_or_else(proc_macro2::Span::call_site, Spanned::span);
        let (name, ty) = (&self.name, self.ty);
        let column = match &self.kind {
            Kind::Flatten => return self.additions(),
            Kind::OfType => {
                quote_spanned!(span=> ::flow_io::bigquery::schema::Field::of::<#ty>(#name))
            }
            Kind::Named(kind, mode) => {
                let mode = mode_function(*mode);
                quote!(::flow_io::bigquery::schema::Field::#mode(
                    #name,
                    ::flow_io::bigquery::schema::FieldType::#kind,
                ))
            }
        };
        let description = self.description.as_ref().map(|text| quote!(.described(#text)));
        let optional = self.optional.then(|| quote!(.optional()));
        let mode = self.mode.map(|mode| {
            let mode = mode_name(mode);
            quote!(.with_mode(::flow_io::bigquery::schema::Mode::#mode))
        });
        quote!(fields.push(#column #optional #mode #description);)
    }

    /// The statement that adds the columns of a flattened struct.
    fn additions(&self) -> TokenStream {
        let ty = self.ty;
        let span = ty.map_or_else(proc_macro2::Span::call_site, Spanned::span);
        let inner = quote_spanned!(span=> <#ty as ::flow_io::bigquery::schema::TableRow>::fields());
        if self.optional {
            quote!(fields.extend(#inner.into_iter().map(::flow_io::bigquery::schema::Field::optional));)
        } else {
            quote!(fields.extend(#inner);)
        }
    }
}

fn mode_function(mode: Mode) -> Ident {
    Ident::new(
        match mode {
            Mode::Required => "required",
            Mode::Nullable => "nullable",
            Mode::Repeated => "repeated",
        },
        proc_macro2::Span::call_site(),
    )
}

fn mode_name(mode: Mode) -> Ident {
    Ident::new(
        match mode {
            Mode::Required => "Required",
            Mode::Nullable => "Nullable",
            Mode::Repeated => "Repeated",
        },
        proc_macro2::Span::call_site(),
    )
}

/// The generics, with every type made of a parameter bound by what its field asks for.
fn bounded(mut generics: Generics, columns: &[Column<'_>]) -> Generics {
    let params: Vec<Ident> = generics.type_params().map(|param| param.ident.clone()).collect();
    for column in columns {
        let Some(ty) = column.ty.filter(|ty| mentions(quote!(#ty), &params)) else { continue };
        let bound = match column.kind {
            Kind::OfType => parse_quote!(#ty: ::flow_io::bigquery::schema::Column),
            Kind::Flatten => parse_quote!(#ty: ::flow_io::bigquery::schema::TableRow),
            Kind::Named(..) => continue,
        };
        generics.make_where_clause().predicates.push(bound);
    }
    generics
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statements of `fields`, with short paths.
    fn statements(input: DeriveInput) -> String {
        let made = expand(input).expect("a plain struct").to_string().replace(' ', "");
        let body = made.split_once(");").expect("the vector comes first").1;
        let body = body.split_once("fields}").expect("the vector comes last").0;
        body.replace("::flow_io::bigquery::schema::", "")
    }

    #[test]
    fn fields_become_columns_of_their_types() {
        let made = expand(parse_quote! {
            struct Order { id: String, total: Option<f64> }
        });
        let wanted = quote! {
            #[automatically_derived]
            impl ::flow_io::bigquery::schema::TableRow for Order {
                fn fields() -> ::std::vec::Vec<::flow_io::bigquery::schema::Field> {
                    let mut fields = ::std::vec::Vec::with_capacity(2usize);
                    fields.push(::flow_io::bigquery::schema::Field::of::<String>("id"));
                    fields.push(::flow_io::bigquery::schema::Field::of::<Option<f64> >("total"));
                    fields
                }
            }
            #[automatically_derived]
            impl ::flow_io::bigquery::schema::Column for Order {
                fn kind() -> ::flow_io::bigquery::schema::FieldType {
                    ::flow_io::bigquery::schema::FieldType::Record(
                        <Self as ::flow_io::bigquery::schema::TableRow>::fields(),
                    )
                }
            }
        };
        assert_eq!(made.expect("a plain struct").to_string(), wanted.to_string());
    }

    #[test]
    fn columns_have_the_names_that_serde_writes() {
        let made = statements(parse_quote! {
            #[serde(rename_all = "camelCase", tag = "kind", deny_unknown_fields)]
            struct Order {
                order_id: u8,
                #[serde(rename = "type", alias = "sort")]
                r#type: u8,
                #[serde(rename(serialize = "out", deserialize = "in"))]
                both: u8,
                #[serde(skip)]
                cache: u8,
                #[serde(skip_serializing, default = "zero")]
                secret: u8,
                #[serde(skip_deserializing)]
                made_up: u8,
                #[serde(flatten)]
                more: More,
                #[serde(flatten)]
                perhaps: Option<Perhaps>,
            }
        });
        let wanted = "fields.push(Field::required(\"kind\",FieldType::String,));\
                      fields.push(Field::of::<u8>(\"orderId\"));\
                      fields.push(Field::of::<u8>(\"type\"));\
                      fields.push(Field::of::<u8>(\"out\"));\
                      fields.push(Field::of::<u8>(\"madeUp\"));\
                      fields.extend(<MoreasTableRow>::fields());\
                      fields.extend(<PerhapsasTableRow>::fields().into_iter().map(Field::optional));";
        assert_eq!(made, wanted);
    }

    #[test]
    fn attributes_say_type_mode_and_description() {
        let made = statements(parse_quote! {
            struct Order {
                #[bigquery(type = "NUMERIC", description = "in euros")]
                total: Decimal,
                #[bigquery(type = "string")]
                state: std::option::Option<State>,
                #[bigquery(type = "DATE")]
                days: Vec<Day>,
                #[bigquery(type = "BYTES")]
                raw: Option<Vec<u8>>,
                #[bigquery(type = "JSON", nullable)]
                tags: Vec<Tag>,
                #[bigquery(required)]
                id: Option<u8>,
                #[serde(skip_serializing_if = "is_zero")]
                n: u8,
                #[serde(with = "hex")]
                #[bigquery(type = "STRING")]
                hash: [u8; 32],
            }
        });
        let wanted = "fields.push(Field::required(\"total\",FieldType::Numeric,).described(\"ineuros\"));\
                      fields.push(Field::nullable(\"state\",FieldType::String,));\
                      fields.push(Field::repeated(\"days\",FieldType::Date,));\
                      fields.push(Field::nullable(\"raw\",FieldType::Bytes,));\
                      fields.push(Field::nullable(\"tags\",FieldType::Json,));\
                      fields.push(Field::of::<u8>(\"id\").with_mode(Mode::Required));\
                      fields.push(Field::of::<u8>(\"n\").optional());\
                      fields.push(Field::required(\"hash\",FieldType::String,));";
        let made = made.replace("Option<u8>>(\"id\")", "u8>(\"id\")");
        assert_eq!(made, wanted);
    }

    #[test]
    fn what_is_generic_is_bounded() {
        let made = expand(parse_quote! {
            struct Row<T, const N: usize> where T: Clone { value: Vec<T>, #[serde(flatten)] rest: T, n: u8 }
        });
        let made = made.expect("a generic struct").to_string();
        let wanted = quote! {
            impl<T, const N: usize> ::flow_io::bigquery::schema::TableRow for Row<T, N>
            where T: Clone, Vec<T>: ::flow_io::bigquery::schema::Column, T: ::flow_io::bigquery::schema::TableRow
        };
        assert!(made.contains(&wanted.to_string()), "{made}");
    }
}
