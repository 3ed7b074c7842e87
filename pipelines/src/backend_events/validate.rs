//! Whether a body holds to its type's entry: all that is wrong with it, each with its place.

use std::fmt;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::catalog::{EventType, SumRule};
use super::field::{Field, FieldType, Mode, StringRule};
use super::money::{cents, line_total};
use super::utc;
use super::warning::Warning;

/// Of a body of nonsense as long as a message may be, errors in full would be many times as long.
const MOST_ERRORS: usize = 1_000;

/// What a body violates and what is odd about it.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<Warning>,
    left_out: usize,
}

impl Findings {
    /// Compares a body with its type's entry.
    pub(super) fn of(event_type: &EventType, body: &Map<String, Value>) -> Self {
        let mut findings = Findings::default();
        findings.record(event_type.fields(), body, &Place::Body);
        if findings.left_out > 0 {
            findings.errors.push(format!("and {} more", findings.left_out));
        }
        if findings.errors.is_empty() {
            for sum in event_type.sums() {
                findings.sum(sum, body);
            }
        }
        findings
    }

    fn record(&mut self, fields: &[Field], values: &Map<String, Value>, place: &Place<'_>) {
        let mut present = 0;
        for field in fields {
            let place = place.field(&field.name);
            match values.get(&field.name) {
                Some(value) => {
                    present += 1;
                    self.field(field, value, &place);
                }
                None => self.error(&place, format_args!("is missing")),
            }
        }
        if present < values.len() {
            self.extra_fields(fields, values, place);
        }
    }

    fn extra_fields(&mut self, fields: &[Field], values: &Map<String, Value>, place: &Place<'_>) {
        for name in values.keys().filter(|name| fields.iter().all(|field| field.name != **name)) {
            if self.warnings.len() < MOST_ERRORS {
                self.warnings.push(Warning::ExtraField { path: place.field(name).to_string() });
            }
        }
    }

    fn field(&mut self, field: &Field, value: &Value, place: &Place<'_>) {
        match (field.mode, value) {
            (Mode::Required, _) => self.value(&field.of, value, place),
            (Mode::Repeated, Value::Array(items)) => {
                for (i, item) in items.iter().enumerate() {
                    self.value(&field.of, item, &Place::Item(place, i));
                }
            }
            (Mode::Repeated, _) => self.wrong_type(place, "a list", value),
        }
    }

    fn value(&mut self, of: &FieldType, value: &Value, place: &Place<'_>) {
        match (of, value) {
            (FieldType::String(rule), Value::String(text)) => self.string(rule, text, place),
            (FieldType::Integer(range), Value::Number(number)) if number.as_i64().is_some() => {
                let number = number.as_i64().expect("the guard asked");
                if !range.contains(&number) {
                    let (low, high) = (range.start(), range.end());
                    self.error(place, format_args!("{number} is not in {low} to {high}"));
                }
            }
            (FieldType::Float, Value::Number(_)) => {}
            (FieldType::Timestamp, Value::String(text)) => {
                if utc::parse(text).is_none() {
                    self.error(place, format_args!("{} is not a timestamp", Shown(value)));
                }
            }
            (FieldType::Record(fields), Value::Object(values)) => self.record(fields, values, place),
            (FieldType::String(_), _) => self.wrong_type(place, "a text", value),
            (FieldType::Integer(_), _) => self.wrong_type(place, "a whole number", value),
            (FieldType::Float, _) => self.wrong_type(place, "a number", value),
            (FieldType::Timestamp, _) => self.wrong_type(place, "a timestamp", value),
            (FieldType::Record(_), _) => self.wrong_type(place, "an object", value),
        }
    }

    fn string(&mut self, rule: &StringRule, text: &str, place: &Place<'_>) {
        match rule {
            StringRule::Any => {}
            StringRule::NonEmpty if !text.is_empty() => {}
            StringRule::NonEmpty => self.error(place, format_args!("is empty")),
            StringRule::Uuid if is_uuid(text) => {}
            StringRule::Uuid => self.error(place, format_args!("{} is not a uuid", Shown(&text.into()))),
            StringRule::OneOf(values) if values.iter().any(|v| v == text) => {}
            StringRule::OneOf(values) => {
                self.error(place, format_args!("{} is none of {}", Shown(&text.into()), values.join(", ")));
            }
        }
    }

    /// Compares a total with the sum of its items, in a body without errors.
    fn sum(&mut self, rule: &SumRule, body: &Map<String, Value>) {
        let total = body[&rule.total].as_f64().map_or(0, cents);
        let lines = body[&rule.over].as_array().into_iter().flatten().map(|item| {
            let quantity = item[&rule.quantity].as_i64().unwrap_or(0);
            line_total(quantity, item[&rule.price].as_f64().unwrap_or(0.0))
        });
        let sum = lines.fold(0, i64::saturating_add);
        if sum != total {
            self.warnings.push(Warning::TotalDiffers { field: rule.total.clone(), total, sum });
        }
    }

    fn wrong_type(&mut self, place: &Place<'_>, wanted: &str, found: &Value) {
        self.error(place, format_args!("{} is not {wanted}", Shown(found)));
    }

    fn error(&mut self, place: &Place<'_>, what: fmt::Arguments<'_>) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(format!("{place}: {what}"));
        } else {
            self.left_out += 1;
        }
    }
}

/// Where in a body a value is. It grows on the stack and is written only into errors, so that a valid event pays
/// nothing for it.
enum Place<'a> {
    Body,
    Field(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl<'a> Place<'a> {
    fn field(&'a self, name: &'a str) -> Place<'a> {
        Place::Field(self, name)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Body => Ok(()),
            Place::Field(Place::Body, name) => f.write_str(name),
            Place::Field(parent, name) => write!(f, "{parent}.{name}"),
            Place::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A value in an error: in full if it is short, otherwise its beginning or what it is.
struct Shown<'a>(&'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::String(text) => match text.char_indices().nth(64) {
                None => write!(f, "`{text}`"),
                Some((end, _)) => write!(f, "`{}...`", &text[..end]),
            },
            Value::Array(_) => f.write_str("a list"),
            Value::Object(_) => f.write_str("an object"),
            scalar => write!(f, "{scalar}"),
        }
    }
}

/// Whether a text is a uuid in the one form that has 36 characters, with hyphens.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::backend_events::Catalog;

    const ID: &str = "8c5ad9a8-2b5c-4b3e-9d55-1d2a3b4c5d6e";

    fn order() -> Value {
        json!({
            "event_type": "order", "order_id": ID, "customer_id": ID,
            "order_date": "2025-02-25T03:56:53.060650", "status": "pending",
            "items": [{"product_id": ID, "product_name": "Product 1", "quantity": 2, "price": 10.5}],
            "shipping_address": {"street": "1 Main St", "city": "Oslo", "country": "Norway"},
            "total_amount": 21
        })
    }

    fn inventory(quantity_change: Value) -> Value {
        json!({
            "event_type": "inventory", "inventory_id": ID, "product_id": ID, "warehouse_id": ID,
            "quantity_change": quantity_change, "reason": "sale", "timestamp": "2025-02-25T03:56:53Z"
        })
    }

    fn findings(body: &Value) -> Findings {
        let catalog = Catalog::builtin();
        let event_type = catalog.get(body["event_type"].as_str().unwrap()).unwrap();
        Findings::of(event_type, body.as_object().unwrap())
    }

    /// The errors of an order in which the value at a JSON pointer is another.
    fn errors_with(pointer: &str, value: Value) -> Vec<String> {
        let mut order = order();
        *order.pointer_mut(pointer).unwrap() = value;
        findings(&order).errors
    }

    #[test]
    fn a_valid_order_has_nothing_to_say() {
        let findings = findings(&order());
        assert_eq!(findings.errors, [""; 0]);
        assert_eq!(findings.warnings, []);
    }

    #[test]
    fn a_text_that_is_not_among_the_values_is_an_error() {
        let wanted = "status: `lost` is none of pending, processing, shipped, delivered";
        assert_eq!(errors_with("/status", json!("lost")), [wanted]);
        assert_eq!(
            errors_with("/status", json!("Pending")),
            ["status: `Pending` is none of pending, processing, shipped, delivered"]
        );
    }

    #[test]
    fn a_uuid_has_its_hyphens() {
        assert_eq!(errors_with("/order_id", json!("17")), ["order_id: `17` is not a uuid"]);
        let simple = "8c5ad9a82b5c4b3e9d551d2a3b4c5d6e";
        assert_eq!(
            errors_with("/order_id", json!(simple)),
            ["order_id: `8c5ad9a82b5c4b3e9d551d2a3b4c5d6e` is not a uuid"]
        );
        assert_eq!(errors_with("/order_id", json!(ID.to_uppercase())), [""; 0]);
    }

    #[test]
    fn a_range_includes_both_bounds() {
        let errors = |n: i64| findings(&inventory(json!(n))).errors;
        assert_eq!(errors(-100), [""; 0]);
        assert_eq!(errors(100), [""; 0]);
        assert_eq!(errors(-101), ["quantity_change: -101 is not in -100 to 100"]);
        assert_eq!(errors(101), ["quantity_change: 101 is not in -100 to 100"]);
    }

    #[test]
    fn a_whole_number_is_written_as_one() {
        let errors = |n: Value| findings(&inventory(n)).errors;
        assert_eq!(errors(json!(1.5)), ["quantity_change: 1.5 is not a whole number"]);
        assert_eq!(errors(json!("5")), ["quantity_change: `5` is not a whole number"]);
        assert_eq!(errors(json!(u64::MAX)), ["quantity_change: 18446744073709551615 is not a whole number"]);
    }

    #[test]
    fn a_timestamp_must_be_one() {
        assert_eq!(
            errors_with("/order_date", json!("yesterday")),
            ["order_date: `yesterday` is not a timestamp"]
        );
        assert_eq!(
            errors_with("/order_date", json!("2025-02-30T00:00:00Z")),
            ["order_date: `2025-02-30T00:00:00Z` is not a timestamp"]
        );
        assert_eq!(
            errors_with("/order_date", json!(1_740_455_813)),
            ["order_date: 1740455813 is not a timestamp"]
        );
    }

    #[test]
    fn every_field_is_required() {
        let mut order = order();
        let fields = order.as_object_mut().unwrap();
        fields.remove("order_id");
        fields["shipping_address"].as_object_mut().unwrap().remove("city");
        fields.insert("status".into(), Value::Null);
        let wanted =
            ["order_id: is missing", "status: null is not a text", "shipping_address.city: is missing"];
        assert_eq!(findings(&order).errors, wanted);
    }

    #[test]
    fn every_item_of_a_list_is_looked_at() {
        let good = order()["items"][0].clone();
        let bad = json!({"product_id": "x", "product_name": 7, "quantity": 1.5, "price": "free"});
        let wanted = [
            "items[1].product_id: `x` is not a uuid",
            "items[1].product_name: 7 is not a text",
            "items[1].quantity: 1.5 is not a whole number",
            "items[1].price: `free` is not a number",
            "items[2]: null is not an object",
        ];
        assert_eq!(errors_with("/items", json!([good, bad, null])), wanted);
        assert_eq!(errors_with("/items", json!({})), ["items: an object is not a list"]);
        assert_eq!(errors_with("/items", json!([])), [""; 0]);
    }

    #[test]
    fn a_record_must_be_one() {
        assert_eq!(
            errors_with("/shipping_address", json!("Oslo")),
            ["shipping_address: `Oslo` is not an object"]
        );
        assert_eq!(
            errors_with("/shipping_address", json!([])),
            ["shipping_address: a list is not an object"]
        );
    }

    #[test]
    fn an_empty_text_is_an_error_only_where_the_catalog_says_so() {
        let note = r#"[{"name": "note", "event_time": "at", "fields": [
            {"name": "event_type", "type": "STRING"}, {"name": "at", "type": "TIMESTAMP"},
            {"name": "text", "type": "STRING", "non_empty": true}]}]"#;
        let catalog = Catalog::builtin().with(note).unwrap();
        let body = json!({"event_type": "note", "at": "2025-02-25T03:56:53Z", "text": ""});
        let findings = Findings::of(catalog.get("note").unwrap(), body.as_object().unwrap());
        assert_eq!(findings.errors, ["text: is empty"]);
        assert_eq!(errors_with("/shipping_address/city", json!("")), [""; 0]);
    }

    #[test]
    fn a_total_that_is_not_the_sum_is_a_warning() {
        let mut order = order();
        order["total_amount"] = json!(99.5);
        let findings = findings(&order);
        assert_eq!(findings.errors, [""; 0]);
        assert_eq!(findings.warnings[0].to_string(), "total_amount: is 99.50, and its items come to 21.00");
    }

    #[test]
    fn a_key_beyond_the_catalog_is_a_warning() {
        let mut order = order();
        order["coupon"] = json!("SPRING");
        order["items"][0]["color"] = json!("red");
        let findings = findings(&order);
        assert_eq!(findings.errors, [""; 0]);
        let warnings: Vec<_> = findings.warnings.iter().map(Warning::to_string).collect();
        let wanted = ["items[0].color: is not a field of this type", "coupon: is not a field of this type"];
        assert_eq!(warnings, wanted);
    }

    #[test]
    fn a_long_value_is_shown_by_its_beginning() {
        let error = errors_with("/order_id", json!("é".repeat(1_000))).remove(0);
        assert_eq!(error, format!("order_id: `{}...` is not a uuid", "é".repeat(64)));
    }

    #[test]
    fn errors_are_a_thousand_at_most() {
        let errors = errors_with("/items", json!(vec![json!({}); 300]));
        assert_eq!(errors.len(), 1_001);
        assert_eq!(errors[1_000], "and 200 more");
    }
}
