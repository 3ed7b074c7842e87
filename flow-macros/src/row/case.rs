//! Serde's `rename_all`.

/// A field's name by the rule of that name; `None` if serde has no such rule.
pub(super) fn renamed(name: &str, rule: &str) -> Option<String> {
    Some(match rule {
        "lowercase" | "snake_case" => name.to_owned(),
        "UPPERCASE" | "SCREAMING_SNAKE_CASE" => name.to_ascii_uppercase(),
        "PascalCase" => pascal(name),
        "camelCase" => {
            let pascal = pascal(name);
            let first = pascal.get(..1).unwrap_or_default().to_ascii_lowercase();
            first + pascal.get(1..).unwrap_or_default()
        }
        "kebab-case" => name.replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => name.to_ascii_uppercase().replace('_', "-"),
        _ => return None,
    })
}

fn pascal(name: &str) -> String {
    let mut pascal = String::new();
    let mut capital = true;
    for c in name.chars() {
        if c == '_' {
            capital = true;
        } else if std::mem::take(&mut capital) {
            pascal.push(c.to_ascii_uppercase());
        } else {
            pascal.push(c);
        }
    }
    pascal
}

#[cfg(test)]
mod tests {
    use super::renamed;

    #[test]
    fn names_are_those_that_serde_writes() {
        let cases = [
            ("order_id", "lowercase", "order_id"),
            ("order_id", "snake_case", "order_id"),
            ("order_id", "UPPERCASE", "ORDER_ID"),
            ("order_id", "SCREAMING_SNAKE_CASE", "ORDER_ID"),
            ("order_id", "PascalCase", "OrderId"),
            ("order_id", "camelCase", "orderId"),
            ("_a__b2_c", "camelCase", "aB2C"),
            ("id", "camelCase", "id"),
            ("order_id", "kebab-case", "order-id"),
            ("order_id", "SCREAMING-KEBAB-CASE", "ORDER-ID"),
        ];
        for (name, rule, wanted) in cases {
            assert_eq!(renamed(name, rule).as_deref(), Some(wanted), "{name} {rule}");
        }
        assert_eq!(renamed("a", "Title Case"), None);
    }
}
