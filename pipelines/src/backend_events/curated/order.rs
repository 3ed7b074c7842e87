//! Orders: the header, and the items one by one.

use flow_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::read::{self, NotOfThisKind};
use crate::backend_events::event::Event;
use crate::backend_events::money::{dollars, line_total};
use crate::backend_events::utc;

/// An order event with its fields as Rust sees them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Which order.
    pub order_id: String,
    /// Who ordered: a user's id.
    pub customer_id: String,
    /// When.
    #[serde(with = "utc")]
    pub order_date: Timestamp,
    /// How far it has come.
    pub status: String,
    /// What was ordered.
    pub items: Vec<Item>,
    /// Where it goes.
    pub shipping_address: Address,
    /// What the shop asks for it, which need not be the sum of its items.
    pub total_amount: f64,
}

/// An item of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Which product.
    pub product_id: String,
    /// Its name.
    pub product_name: String,
    /// How many.
    pub quantity: i64,
    /// What one costs.
    pub price: f64,
}

/// Where an order goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Address {
    /// Street and number.
    pub street: String,
    /// City.
    pub city: String,
    /// Country.
    pub country: String,
}

/// An order without its items: one row an order event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderHeader {
    /// Which order.
    pub order_id: String,
    /// Who ordered: a user's id.
    pub customer_id: String,
    /// When.
    #[serde(with = "utc")]
    pub order_date: Timestamp,
    /// How far it has come.
    pub status: String,
    /// Where it goes: street and number.
    pub street: String,
    /// Where it goes: city.
    pub city: String,
    /// Where it goes: country.
    pub country: String,
    /// How many items it has.
    pub item_count: u64,
    /// The sum of its items' line totals.
    pub items_total: f64,
    /// What the shop asks for it.
    pub total_amount: f64,
}

/// An item with the order that it belongs to: one row an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderItem {
    /// Which order.
    pub order_id: String,
    /// When it was ordered.
    #[serde(with = "utc")]
    pub order_date: Timestamp,
    /// The item's place in the order, from 1.
    pub line: u64,
    /// Which product.
    pub product_id: String,
    /// Its name.
    pub product_name: String,
    /// How many.
    pub quantity: i64,
    /// What one costs.
    pub price: f64,
    /// Quantity times price, rounded to cents, half a cent away from zero.
    pub line_total: f64,
}

impl Order {
    /// Reads an event of kind `order`.
    pub fn read(event: &Event) -> Result<Self, NotOfThisKind> {
        read::body(event, "order")
    }

    /// The row of the order itself.
    pub fn header(&self) -> OrderHeader {
        let cents = self.items.iter().map(Item::cents).fold(0, i64::saturating_add);
        OrderHeader {
            order_id: self.order_id.clone(),
            customer_id: self.customer_id.clone(),
            order_date: self.order_date,
            status: self.status.clone(),
            street: self.shipping_address.street.clone(),
            city: self.shipping_address.city.clone(),
            country: self.shipping_address.country.clone(),
            item_count: self.items.len() as u64,
            items_total: dollars(cents),
            total_amount: self.total_amount,
        }
    }

    /// The rows of its items.
    pub fn item_rows(&self) -> impl Iterator<Item = OrderItem> {
        self.items.iter().zip(1..).map(|(item, line)| OrderItem {
            order_id: self.order_id.clone(),
            order_date: self.order_date,
            line,
            product_id: item.product_id.clone(),
            product_name: item.product_name.clone(),
            quantity: item.quantity,
            price: item.price,
            line_total: dollars(item.cents()),
        })
    }
}

impl Item {
    fn cents(&self) -> i64 {
        line_total(self.quantity, self.price)
    }
}

impl OrderHeader {
    /// The customer, who is the user of an [`ActivityRow`](super::ActivityRow).
    pub fn join_key(&self) -> String {
        self.customer_id.clone()
    }
}

impl OrderItem {
    /// The product, which is that of a [`StockChange`](super::StockChange).
    pub fn join_key(&self) -> String {
        self.product_id.clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(order: Value) -> Event {
        let Value::Object(body) = order else { unreachable!("json! made an object") };
        Event { kind: "order".into(), at: Timestamp::MIN, body: body.into() }
    }

    fn three_orders() -> [Order; 3] {
        let address = json!({"street": "1 Main St", "city": "Oslo", "country": "Norway"});
        let item = |n: u32, quantity: i64, price: f64| {
            json!({"product_id": format!("p{n}"), "product_name": format!("Product {n}"),
                   "quantity": quantity, "price": price})
        };
        let order = |id: &str, status: &str, items: Value, total: f64| {
            event(json!({"event_type": "order", "order_id": id, "customer_id": "u1", "status": status,
                         "order_date": "2025-02-25T03:56:53.060650Z", "items": items,
                         "shipping_address": address, "total_amount": total}))
        };
        let orders = [
            order("o1", "pending", json!([item(1, 3, 19.99)]), 59.97),
            order("o2", "shipped", json!([item(2, 1, 1.005), item(1, 10, 100.0), item(3, 3, 0.335)]), 250.0),
            order("o3", "delivered", json!([]), 50.5),
        ];
        orders.map(|event| Order::read(&event).unwrap())
    }

    #[test]
    fn three_orders_make_three_headers() {
        let headers = three_orders().map(|order| serde_json::to_string(&order.header()).unwrap());
        let wanted = [
            r#"{"order_id":"o1","customer_id":"u1","order_date":"2025-02-25T03:56:53.060650Z","status":"pending","street":"1 Main St","city":"Oslo","country":"Norway","item_count":1,"items_total":59.97,"total_amount":59.97}"#,
            r#"{"order_id":"o2","customer_id":"u1","order_date":"2025-02-25T03:56:53.060650Z","status":"shipped","street":"1 Main St","city":"Oslo","country":"Norway","item_count":3,"items_total":1002.02,"total_amount":250.0}"#,
            r#"{"order_id":"o3","customer_id":"u1","order_date":"2025-02-25T03:56:53.060650Z","status":"delivered","street":"1 Main St","city":"Oslo","country":"Norway","item_count":0,"items_total":0.0,"total_amount":50.5}"#,
        ];
        assert_eq!(headers, wanted);
    }

    #[test]
    fn three_orders_make_a_row_an_item() {
        let rows = three_orders().into_iter().flat_map(|order| order.item_rows().collect::<Vec<_>>());
        let rows: Vec<_> = rows.map(|row| serde_json::to_string(&row).unwrap()).collect();
        let wanted = [
            r#"{"order_id":"o1","order_date":"2025-02-25T03:56:53.060650Z","line":1,"product_id":"p1","product_name":"Product 1","quantity":3,"price":19.99,"line_total":59.97}"#,
            r#"{"order_id":"o2","order_date":"2025-02-25T03:56:53.060650Z","line":1,"product_id":"p2","product_name":"Product 2","quantity":1,"price":1.005,"line_total":1.01}"#,
            r#"{"order_id":"o2","order_date":"2025-02-25T03:56:53.060650Z","line":2,"product_id":"p1","product_name":"Product 1","quantity":10,"price":100.0,"line_total":1000.0}"#,
            r#"{"order_id":"o2","order_date":"2025-02-25T03:56:53.060650Z","line":3,"product_id":"p3","product_name":"Product 3","quantity":3,"price":0.335,"line_total":1.01}"#,
        ];
        assert_eq!(rows, wanted);
    }

    #[test]
    fn rows_survive_the_wire() {
        let order = &three_orders()[1];
        let rows: Vec<_> = order.item_rows().collect();
        let bytes = postcard::to_allocvec(&(order.header(), &rows)).unwrap();
        assert_eq!(
            postcard::from_bytes::<(OrderHeader, Vec<OrderItem>)>(&bytes).unwrap(),
            (order.header(), rows)
        );
    }

    #[test]
    fn an_event_of_another_kind_is_an_error() {
        let event = Event { kind: "inventory".into(), ..event(json!({})) };
        let error = Order::read(&event).unwrap_err();
        assert_eq!(error.to_string(), "an event of kind `inventory` was read as `order`");
    }
}
