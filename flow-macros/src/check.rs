//! What an enum must be for its collections to be split: every rule is checked here, and all that is wrong is said
//! at once.

use syn::{Data, DeriveInput, Error, Fields, Generics, Result, Variant};

use crate::name::snake_case;

/// As many variants as the core's `Variants` is implemented for.
const MOST: usize = 12;

/// The enum's variants, if it can be split.
pub(crate) fn variants(input: &DeriveInput) -> Result<Vec<Variant>> {
    let Data::Enum(data) = &input.data else {
        let message = "only an enum can be split: each of its variants becomes an output collection";
        return Err(Error::new_spanned(&input.ident, message));
    };
    let variants: Vec<Variant> = data.variants.iter().cloned().collect();
    let wrong = [borrows(&input.generics), count(input, variants.len())].into_iter().flatten();
    let wrong = wrong.chain(variants.iter().filter_map(named_fields)).chain(same_name(&variants));
    let together = |mut all: Error, one| {
        all.combine(one);
        all
    };
    wrong.reduce(together).map_or(Ok(variants), Err)
}

fn borrows(generics: &Generics) -> Option<Error> {
    let message = "an enum that borrows cannot be split: elements outlive the code that made them, so own the \
                   data, String in place of &str";
    Some(Error::new_spanned(generics.lifetimes().next()?, message))
}

fn count(input: &DeriveInput, count: usize) -> Option<Error> {
    let message = match count {
        0 => "an enum without variants has nothing to split".to_owned(),
        1..=MOST => return None,
        _ => format!(
            "an enum of at most {MOST} variants can be split, and this one has {count}: give those that \
             belong together an enum of their own, and split its collection in turn"
        ),
    };
    Some(Error::new_spanned(&input.ident, message))
}

fn named_fields(variant: &Variant) -> Option<Error> {
    let Fields::Named(_) = variant.fields else { return None };
    let name = &variant.ident;
    let message = format!(
        "named fields are no type that a collection could hold; \
         give the fields a struct of their own: `struct {name} {{ .. }}`, and the variant `{name}({name})`"
    );
    Some(Error::new_spanned(variant, message))
}

fn same_name(variants: &[Variant]) -> Option<Error> {
    let names: Vec<String> = variants.iter().map(|variant| snake_case(&variant.ident)).collect();
    let (at, name) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name))?;
    let message = format!("two variants would share the output `{name}`: rename one of them");
    Some(Error::new_spanned(&variants[at].ident, message))
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    /// Each of its errors, in order.
    fn errors(input: DeriveInput) -> Vec<String> {
        let Err(error) = variants(&input) else { panic!("the enum can be split") };
        error.into_iter().map(|error| error.to_string()).collect()
    }

    #[test]
    fn named_fields_are_refused_at_each_variant() {
        let errors = errors(parse_quote!(
            enum Event {
                Sale { sku: Sku },
                Order(Order),
                Visit { page: Url },
            }
        ));
        assert_eq!(
            errors,
            [
                "named fields are no type that a collection could hold; give the fields a struct of their own: \
                 `struct Sale { .. }`, and the variant `Sale(Sale)`",
                "named fields are no type that a collection could hold; give the fields a struct of their own: \
                 `struct Visit { .. }`, and the variant `Visit(Visit)`",
            ]
        );
    }

    #[test]
    fn thirteen_variants_are_too_many() {
        let twelve = parse_quote!(
            enum Letter {
                A,
                B,
                C,
                D,
                E,
                F,
                G,
                H,
                I,
                J,
                K,
                L,
            }
        );
        assert_eq!(variants(&twelve).map_or(0, |variants| variants.len()), 12);
        let thirteen = parse_quote!(
            enum Letter {
                A,
                B,
                C,
                D,
                E,
                F,
                G,
                H,
                I,
                J,
                K,
                L,
                M,
            }
        );
        assert_eq!(
            errors(thirteen),
            [
                "an enum of at most 12 variants can be split, and this one has 13: give those that belong together \
              an enum of their own, and split its collection in turn"
            ]
        );
    }

    #[test]
    fn outputs_have_names_of_their_own() {
        assert_eq!(
            errors(parse_quote!(
                enum Request {
                    HTTPGet(Get),
                    Other(Get),
                    HttpGet(Get),
                }
            )),
            ["two variants would share the output `http_get`: rename one of them"]
        );
    }

    #[test]
    fn what_is_no_enum_of_owned_values_is_refused() {
        assert_eq!(
            errors(parse_quote!(
                struct Event(Order);
            )),
            ["only an enum can be split: each of its variants becomes an output collection"]
        );
        assert_eq!(
            errors(parse_quote!(
                enum Never {}
            )),
            ["an enum without variants has nothing to split"]
        );
        assert_eq!(
            errors(parse_quote!(
                enum Line<'a> {
                    Text(&'a str),
                }
            )),
            [
                "an enum that borrows cannot be split: elements outlive the code that made them, so own the data, \
              String in place of &str"
            ]
        );
    }
}
