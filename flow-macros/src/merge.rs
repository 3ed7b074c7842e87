//! The expansion of `derive(Merge)`.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, Generics, Index, Member, Result, parse_quote};

use crate::split::mentions;

/// The implementation of `Merge`, field by field, or why there is none.
pub(crate) fn expand(input: DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        let message = "only a struct merges field by field: which variant two of them become, nobody but you knows, so \
                       write `impl Merge` for it";
        return Err(Error::new_spanned(&input.ident, message));
    };
    let name = &input.ident;
    let generics = bounded(input.generics.clone(), &data.fields);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let merges = data.fields.iter().enumerate().map(|(at, field)| merge(at, field));
    let other = if data.fields.is_empty() { quote!(_) } else { quote!(other) };
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::flow_core::state::Merge for #name #type_generics #where_clause {
            fn merge(&mut self, #other: Self) { #(#merges)* }
        }
    })
}

/// Merges one field. It stands at the field's type, so that the compiler points there if that does not merge.
fn merge(at: usize, field: &Field) -> TokenStream {
    let member = field.ident.clone().map_or_else(|| Member::Unnamed(Index::from(at)), Member::Named);
    let ty = &field.ty;
    quote_spanned!(ty.span()=> <#ty as ::flow_core::state::Merge>::merge(&mut self.#member, other.#member);)
}

/// The generics, with every field made of a type parameter merging.
fn bounded(mut generics: Generics, fields: &Fields) -> Generics {
    let params: Vec<Ident> = generics.type_params().map(|param| param.ident.clone()).collect();
    for Field { ty, .. } in fields {
        if mentions(ty.to_token_stream(), &params) {
            generics.make_where_clause().predicates.push(parse_quote!(#ty: ::flow_core::state::Merge));
        }
    }
    generics
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(input: DeriveInput) -> String {
        expand(input).expect("a struct").to_string()
    }

    #[test]
    fn every_field_merges() {
        let wanted = quote! {
            #[automatically_derived]
            impl ::flow_core::state::Merge for Visit {
                fn merge(&mut self, other: Self) {
                    <Set<Url> as ::flow_core::state::Merge>::merge(&mut self.pages, other.pages);
                    <Spent as ::flow_core::state::Merge>::merge(&mut self.spent, other.spent);
                }
            }
        };
        assert_eq!(
            made(parse_quote!(
                struct Visit {
                    pages: Set<Url>,
                    spent: Spent,
                }
            )),
            wanted.to_string()
        );
    }

    #[test]
    fn fields_without_names_and_none_at_all_merge_too() {
        let wanted = quote! {
            #[automatically_derived]
            impl<T> ::flow_core::state::Merge for Pair<T> where Bag<T>: ::flow_core::state::Merge {
                fn merge(&mut self, other: Self) {
                    <Bag<T> as ::flow_core::state::Merge>::merge(&mut self.0, other.0);
                    <Count as ::flow_core::state::Merge>::merge(&mut self.1, other.1);
                }
            }
        };
        assert_eq!(
            made(parse_quote!(
                struct Pair<T>(Bag<T>, Count);
            )),
            wanted.to_string()
        );
        let wanted = quote! {
            #[automatically_derived]
            impl ::flow_core::state::Merge for Nothing { fn merge(&mut self, _: Self) {} }
        };
        assert_eq!(
            made(parse_quote!(
                struct Nothing;
            )),
            wanted.to_string()
        );
    }

    #[test]
    fn an_enum_does_not_merge_by_itself() {
        let error = expand(parse_quote!(
            enum Phase {
                Open,
                Closed,
            }
        ))
        .expect_err("an enum");
        assert!(error.to_string().starts_with("only a struct merges field by field"), "{error}");
    }
}
