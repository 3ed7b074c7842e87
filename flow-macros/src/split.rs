//! The expansion of `derive(Split)`.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{DeriveInput, Fields, Generics, Index, Result, Variant, parse_quote};

use crate::check::variants;
use crate::name::{identifier, snake_case};

/// The struct of output collections and the implementation of `Split`, or what is wrong with the enum.
pub(crate) fn expand(input: DeriveInput) -> Result<TokenStream> {
    let variants = variants(&input)?;
    let branches = branches(&variants);
    let input = DeriveInput { generics: bounded(input.generics, &branches), ..input };
    let outputs = format_ident!("{}Outputs", input.ident);
    let declaration = declaration(&input, &outputs, &branches);
    let behind = behind(&input, &outputs, &branches);
    let implementation = implementation(&input, &outputs, &branches);
    Ok(quote!(#declaration #behind #implementation))
}

/// One variant and where its elements go.
struct Branch<'a> {
    variant: &'a Variant,
    /// Its name in snake case.
    name: String,
    /// The field of its collection.
    field: Ident,
}

impl<'a> Branch<'a> {
    fn of(variant: &'a Variant) -> Self {
        let name = snake_case(&variant.ident);
        // Points at the variant, but is the macro's own, so that lints about names leave it alone.
        let field = identifier(&name, variant.ident.span().resolved_at(Span::call_site()));
        Branch { variant, name, field }
    }

    /// The type of its collection's elements.
    fn payload(&self) -> TokenStream {
        tuple(self.variant.fields.iter().map(|field| field.ty.to_token_stream()))
    }

    /// The arm of the match that sends a value to bundle `at`.
    fn arm(&self, at: usize) -> TokenStream {
        let Branch { variant: Variant { ident, fields, .. }, .. } = self;
        let values: Vec<Ident> = (0..fields.len()).map(|n| format_ident!("value_{n}")).collect();
        let pattern = match fields {
            Fields::Unit => quote!(Self::#ident),
            Fields::Named(_) | Fields::Unnamed(_) => quote!(Self::#ident(#(#values),*)),
        };
        let value = tuple(values.iter().map(Ident::to_token_stream));
        let at = Index::from(at);
        quote!(#pattern => to.#at.push(#value, meta))
    }
}

fn branches(variants: &[Variant]) -> Vec<Branch<'_>> {
    variants.iter().map(Branch::of).collect()
}

/// The one item itself; none or several as a tuple.
fn tuple(items: impl Iterator<Item = TokenStream>) -> TokenStream {
    match items.collect::<Vec<_>>().as_slice() {
        [one] => one.clone(),
        items => quote!((#(#items),*)),
    }
}

/// The generics, with every payload made of a type parameter an element.
fn bounded(mut generics: Generics, branches: &[Branch<'_>]) -> Generics {
    let params: Vec<Ident> = generics.type_params().map(|param| param.ident.clone()).collect();
    let mut payloads: Vec<TokenStream> = branches.iter().map(Branch::payload).collect();
    let mut seen = BTreeSet::new();
    payloads.retain(|payload| mentions(payload.clone(), &params) && seen.insert(payload.to_string()));
    for payload in payloads {
        generics.make_where_clause().predicates.push(parse_quote!(#payload: ::flow_core::Element));
    }
    generics
}

/// The same for the implementation, which asks that the enum is an element, too: that its payloads are does not say so.
fn bounded_with_self(mut generics: Generics) -> Generics {
    if generics.type_params().next().is_some() {
        generics.make_where_clause().predicates.push(parse_quote!(Self: ::flow_core::Element));
    }
    generics
}

/// Whether one of the parameters occurs in a type.
pub(crate) fn mentions(of: TokenStream, params: &[Ident]) -> bool {
    of.into_iter().any(|token| match token {
        TokenTree::Ident(name) => params.contains(&name),
        TokenTree::Group(group) => mentions(group.stream(), params),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// The struct of output collections.
fn declaration(input: &DeriveInput, outputs: &Ident, branches: &[Branch<'_>]) -> TokenStream {
    let DeriveInput { vis, ident, generics, .. } = input;
    let about =
        format!("The collections that a collection of [`{ident}`] is split into, one for each variant.");
    let fields = branches.iter().map(|branch| {
        let about = format!("What the elements [`{ident}::{}`] carried.", branch.variant.ident);
        let (field, payload) = (&branch.field, branch.payload());
        quote!(#[doc = #about] #vis #field: ::flow_core::PCollection<#payload>)
    });
    let where_clause = &generics.where_clause;
    quote! {
        #[doc = #about]
        // An output that nobody reads is the pipeline's own affair.
        #[allow(dead_code)]
        #[derive(Clone, Debug)]
        #vis struct #outputs #generics #where_clause { #(#fields,)* }
    }
}

/// What has the collections come back out of a region of dead letters.
fn behind(input: &DeriveInput, outputs: &Ident, branches: &[Branch<'_>]) -> TokenStream {
    let (impl_generics, type_generics, where_clause) = input.generics.split_for_impl();
    let fields: Vec<&Ident> = branches.iter().map(|branch| &branch.field).collect();
    quote! {
        #[automatically_derived]
        impl #impl_generics ::flow_core::RegionOutputs for #outputs #type_generics #where_clause {
            fn behind(self, end: &mut ::flow_core::RegionEnd) -> Self {
                Self { #(#fields: ::flow_core::RegionOutputs::behind(self.#fields, end),)* }
            }
        }
    }
}

/// The implementation of `Split`. It spells out what `Self::Variants` and `Self::Outputs` are, since the enum may
/// have variants of these names.
fn implementation(input: &DeriveInput, outputs: &Ident, branches: &[Branch<'_>]) -> TokenStream {
    let name = &input.ident;
    let generics = bounded_with_self(input.generics.clone());
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let payloads = branches.iter().map(Branch::payload);
    let payloads = quote!((#(#payloads,)*));
    let names = branches.iter().map(|branch| &branch.name);
    let arms = branches.iter().enumerate().map(|(at, branch)| branch.arm(at));
    let fields = branches.iter().map(|branch| &branch.field);
    let indexes = (0..branches.len()).map(Index::from);
    quote! {
        #[automatically_derived]
        impl #impl_generics ::flow_core::split::Split for #name #type_generics #where_clause {
            type Variants = #payloads;
            type Outputs = #outputs #type_generics;
            const NAMES: &'static [&'static str] = &[#(#names),*];

            fn route(
                self,
                meta: ::flow_core::Meta,
                to: &mut <#payloads as ::flow_core::split::Variants>::Bundles,
            ) {
                match self { #(#arms,)* }
            }

            fn outputs(
                collections: <#payloads as ::flow_core::split::Variants>::Collections,
            ) -> #outputs #type_generics {
                #outputs { #(#fields: collections.#indexes,)* }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_becomes_a_collection() {
        let made = expand(parse_quote! {
            pub enum Event { Order(Order), Moved(Sku, Shelf), Heartbeat }
        });
        let wanted = quote! {
            #[doc = "The collections that a collection of [`Event`] is split into, one for each variant."]
            #[allow(dead_code)]
            #[derive(Clone, Debug)]
            pub struct EventOutputs {
                #[doc = "What the elements [`Event::Order`] carried."]
                pub order: ::flow_core::PCollection<Order>,
                #[doc = "What the elements [`Event::Moved`] carried."]
                pub moved: ::flow_core::PCollection<(Sku, Shelf)>,
                #[doc = "What the elements [`Event::Heartbeat`] carried."]
                pub heartbeat: ::flow_core::PCollection<()>,
            }
            #[automatically_derived]
            impl ::flow_core::RegionOutputs for EventOutputs {
                fn behind(self, end: &mut ::flow_core::RegionEnd) -> Self {
                    Self {
                        order: ::flow_core::RegionOutputs::behind(self.order, end),
                        moved: ::flow_core::RegionOutputs::behind(self.moved, end),
                        heartbeat: ::flow_core::RegionOutputs::behind(self.heartbeat, end),
                    }
                }
            }
            #[automatically_derived]
            impl ::flow_core::split::Split for Event {
                type Variants = (Order, (Sku, Shelf), (),);
                type Outputs = EventOutputs;
                const NAMES: &'static [&'static str] = &["order", "moved", "heartbeat"];

                fn route(
                    self,
                    meta: ::flow_core::Meta,
                    to: &mut <(Order, (Sku, Shelf), (),) as ::flow_core::split::Variants>::Bundles,
                ) {
                    match self {
                        Self::Order(value_0) => to.0.push(value_0, meta),
                        Self::Moved(value_0, value_1) => to.1.push((value_0, value_1), meta),
                        Self::Heartbeat => to.2.push((), meta),
                    }
                }

                fn outputs(
                    collections: <(Order, (Sku, Shelf), (),) as ::flow_core::split::Variants>::Collections,
                ) -> EventOutputs {
                    EventOutputs { order: collections.0, moved: collections.1, heartbeat: collections.2, }
                }
            }
        };
        assert_eq!(made.expect("a plain enum").to_string(), wanted.to_string());
    }

    #[test]
    fn generics_are_carried_and_bounded() {
        let input: DeriveInput = parse_quote! {
            enum Parsed<T: Row = Line, const N: usize = 1> where T: Debug { Good(T), Bad([T::Error; N]), Late(T) }
        };
        let variants = variants(&input).expect("a plain enum");
        let generics = bounded(input.generics, &branches(&variants));
        let where_clause = &generics.where_clause;
        let wanted = quote! {
            <T: Row = Line, const N: usize = 1>
            where T: Debug, T: ::flow_core::Element, [T::Error; N]: ::flow_core::Element
        };
        assert_eq!(quote!(#generics #where_clause).to_string(), wanted.to_string());
    }
}
