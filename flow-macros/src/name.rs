//! Names of variants as names of fields.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;

/// A variant's name in snake case: `HTTPRequest` is `http_request`.
pub(crate) fn snake_case(variant: &Ident) -> String {
    let chars: Vec<char> = variant.unraw().to_string().chars().collect();
    let mut snake = String::new();
    for (at, &char) in chars.iter().enumerate() {
        if starts_word(&chars, at) {
            snake.push('_');
        }
        snake.extend(char.to_lowercase());
    }
    snake
}

/// Whether a word other than the first starts here: after a lowercase letter or a digit, and at the last capital
/// of a run that a lowercase letter follows.
fn starts_word(chars: &[char], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|before| chars[before]) else { return false };
    let last_capital = before.is_uppercase() && chars.get(at + 1).is_some_and(|after| after.is_lowercase());
    chars[at].is_uppercase() && before != '_' && (!before.is_uppercase() || last_capital)
}

/// The identifier of that name, raw or with an underscore where it is a keyword.
pub(crate) fn identifier(name: &str, span: Span) -> Ident {
    match name {
        "crate" | "self" | "super" => Ident::new(&format!("{name}_"), span),
        // A keyword since edition 2024; syn does not know in which edition it is read.
        "gen" => Ident::new_raw(name, span),
        _ if syn::parse_str::<Ident>(name).is_err() => Ident::new_raw(name, span),
        _ => Ident::new(name, span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart_by_their_capitals() {
        let cases = [
            ("Order", "order"),
            ("OutOfStock", "out_of_stock"),
            ("HTTPRequest", "http_request"),
            ("ReadIO", "read_io"),
            ("V2Order", "v2_order"),
            ("Top10", "top10"),
            ("Snake_Case", "snake_case"),
            ("A", "a"),
            ("Änderung", "änderung"),
        ];
        for (variant, field) in cases {
            assert_eq!(snake_case(&Ident::new(variant, Span::call_site())), field);
        }
    }

    #[test]
    fn keywords_become_identifiers() {
        let cases = [("order", "order"), ("type", "r#type"), ("gen", "r#gen"), ("super", "super_")];
        for (name, wanted) in cases {
            assert_eq!(identifier(name, Span::call_site()).to_string(), wanted);
        }
    }
}
