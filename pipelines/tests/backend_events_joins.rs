//! Joins of the curated layer.

use flow_core::prelude::*;
use flow_core::testing::collect;
use pipelines::backend_events::curated::{
    ActivityRow, OrderHeader, OrderItem, StockChange, items_with_stock, orders_with_activity,
};

fn item(order: &str, product: &str) -> OrderItem {
    OrderItem {
        order_id: order.into(),
        order_date: Timestamp::MIN,
        line: 1,
        product_id: product.into(),
        product_name: product.to_uppercase(),
        quantity: 1,
        price: 1.0,
        line_total: 1.0,
    }
}

fn change(inventory: &str, product: &str) -> StockChange {
    StockChange {
        inventory_id: inventory.into(),
        product_id: product.into(),
        warehouse_id: "w".into(),
        quantity_change: 1,
        reason: "sale".into(),
        timestamp: Timestamp::MIN,
    }
}

fn header(order: &str, customer: &str) -> OrderHeader {
    OrderHeader {
        order_id: order.into(),
        customer_id: customer.into(),
        order_date: Timestamp::MIN,
        status: "pending".into(),
        street: "1 Main St".into(),
        city: "Oslo".into(),
        country: "Norway".into(),
        item_count: 0,
        items_total: 0.0,
        total_amount: 0.0,
    }
}

fn activity(user: &str, what: &str) -> ActivityRow {
    ActivityRow {
        user_id: user.into(),
        activity_type: what.into(),
        ip_address: "192.168.1.2".into(),
        user_agent: "Firefox".into(),
        timestamp: Timestamp::MIN,
        session_id: "s".into(),
        platform: "web".into(),
    }
}

#[test]
fn items_meet_the_changes_of_their_product() {
    let p = Pipeline::new();
    let items = p.create([item("o1", "p1"), item("o2", "p1"), item("o2", "p2"), item("o3", "p9")]);
    let changes = p.create([change("i1", "p1"), change("i2", "p2"), change("i3", "p2")]);
    let pairs = collect(&items_with_stock(&items, &changes).map(|(i, c)| (i.order_id, c.inventory_id)));
    ReferenceRunner::new().run(p).unwrap();
    let wanted = [("o1", "i1"), ("o2", "i1"), ("o2", "i2"), ("o2", "i3")];
    assert_eq!(pairs.sorted(), wanted.map(|(order, change)| (order.to_owned(), change.to_owned())));
}

#[test]
fn orders_meet_what_their_customer_did() {
    let p = Pipeline::new();
    let orders = p.create([header("o1", "u1"), header("o2", "u2"), header("o3", "u1")]);
    let activities = p.create([activity("u1", "login"), activity("u3", "login"), activity("u1", "logout")]);
    let pairs =
        collect(&orders_with_activity(&orders, &activities).map(|(o, a)| (o.order_id, a.activity_type)));
    ReferenceRunner::new().run(p).unwrap();
    let wanted = [("o1", "login"), ("o1", "logout"), ("o3", "login"), ("o3", "logout")];
    assert_eq!(pairs.sorted(), wanted.map(|(order, what)| (order.to_owned(), what.to_owned())));
}
