//! What a field's type looks like, where its column's type is said by an attribute and Rust's does not count.

use syn::{GenericArgument, PathArguments, Type};

/// Whether a column may be NULL, or is an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Required,
    Nullable,
    Repeated,
}

const LISTS: [&str; 5] = ["Vec", "VecDeque", "BTreeSet", "HashSet", "IndexSet"];

const BOXES: [&str; 3] = ["Box", "Arc", "Rc"];

/// The mode of a column of a named type. A list of `u8` is one value if that type is BYTES.
pub(super) fn mode(ty: &Type, bytes: bool) -> Mode {
    match ty {
        Type::Group(group) => mode(&group.elem, bytes),
        Type::Paren(paren) => mode(&paren.elem, bytes),
        Type::Reference(reference) => mode(&reference.elem, bytes),
        Type::Slice(slice) => list(&slice.elem, bytes),
        Type::Array(array) => list(&array.elem, bytes),
        _ => match generic(ty) {
            Some((name, of)) if name == "Option" => match mode(of, bytes) {
                Mode::Repeated => Mode::Repeated,
                _ => Mode::Nullable,
            },
            Some((name, of)) if LISTS.contains(&name.as_str()) => list(of, bytes),
            Some((name, of)) if BOXES.contains(&name.as_str()) => mode(of, bytes),
            _ => Mode::Required,
        },
    }
}

fn list(of: &Type, bytes: bool) -> Mode {
    if bytes && is_plain(of, "u8") { Mode::Required } else { Mode::Repeated }
}

/// The type within `Option<..>`.
pub(super) fn in_option(ty: &Type) -> Option<&Type> {
    generic(ty).filter(|(name, _)| name == "Option").map(|(_, of)| of)
}

/// Whether it is text, perhaps in an option or a list.
pub(super) fn is_text(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_text(&group.elem),
        Type::Reference(reference) => is_text(&reference.elem),
        _ => match generic(ty) {
            Some((name, of)) => holds(&name) && is_text(of),
            None => is_plain(ty, "String") || is_plain(ty, "str"),
        },
    }
}

/// Whether a type of that name holds values of one type that serde writes as they are.
fn holds(name: &str) -> bool {
    name == "Option" || LISTS.contains(&name) || BOXES.contains(&name)
}

fn is_plain(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == name))
}

/// The name of a generic type and the first type that it is given.
fn generic(ty: &Type) -> Option<(String, &Type)> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    let of = arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(of) => Some(of),
        _ => None,
    })?;
    Some((last.ident.to_string(), of))
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn the_mode_is_seen_through_what_holds_the_value() {
        let cases: [(Type, Mode); 9] = [
            (parse_quote!(Decimal), Mode::Required),
            (parse_quote!(Money<Euro>), Mode::Required),
            (parse_quote!(Option<Decimal>), Mode::Nullable),
            (parse_quote!(std::option::Option<Box<Decimal>>), Mode::Nullable),
            (parse_quote!(Vec<Decimal>), Mode::Repeated),
            (parse_quote!(Option<Vec<Decimal>>), Mode::Repeated),
            (parse_quote!([Decimal; 3]), Mode::Repeated),
            (parse_quote!(&'a [Decimal]), Mode::Repeated),
            (parse_quote!(Vec<u8>), Mode::Repeated),
        ];
        for (ty, wanted) in cases {
            assert_eq!(mode(&ty, false), wanted);
        }
        assert_eq!(mode(&parse_quote!(Option<Vec<u8>>), true), Mode::Nullable);
        assert_eq!(mode(&parse_quote!([u8; 16]), true), Mode::Required);
        assert_eq!(mode(&parse_quote!(Vec<Vec<u8>>), true), Mode::Repeated);
    }

    #[test]
    fn text_is_seen_through_what_holds_it() {
        let text: [Type; 4] = [
            parse_quote!(String),
            parse_quote!(&'a str),
            parse_quote!(Option<Box<str>>),
            parse_quote!(Vec<String>),
        ];
        assert!(text.iter().all(is_text));
        let other: [Type; 3] =
            [parse_quote!(Value), parse_quote!(BTreeMap<String, u8>), parse_quote!(Option<Tagged<String>>)];
        assert!(!other.iter().any(is_text));
    }
}
