//! Inventory: the changes whose sum is the net stock.

use flow_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::read::{self, NotOfThisKind};
use crate::backend_events::event::Event;
use crate::backend_events::utc;

/// A change of a product's stock in a warehouse: one row an inventory event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockChange {
    /// Which change.
    pub inventory_id: String,
    /// Which product.
    pub product_id: String,
    /// In which warehouse.
    pub warehouse_id: String,
    /// How many came in, or went out if negative.
    pub quantity_change: i64,
    /// Why.
    pub reason: String,
    /// When.
    #[serde(with = "utc")]
    pub timestamp: Timestamp,
}

/// The net change of a product's stock in a warehouse on a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NetStock {
    /// The start of the day.
    #[serde(with = "utc")]
    pub day: Timestamp,
    /// Which product.
    pub product_id: String,
    /// In which warehouse.
    pub warehouse_id: String,
    /// The sum of the changes.
    pub net_quantity: i64,
}

impl StockChange {
    /// Reads an event of kind `inventory`.
    pub fn read(event: &Event) -> Result<Self, NotOfThisKind> {
        read::body(event, "inventory")
    }

    /// Product and warehouse, and the change. The net stock is the sum per key.
    pub fn delta(&self) -> ((String, String), i64) {
        ((self.product_id.clone(), self.warehouse_id.clone()), self.quantity_change)
    }

    /// The product, which is that of an [`OrderItem`](super::OrderItem).
    pub fn join_key(&self) -> String {
        self.product_id.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_change_is_a_delta_of_a_product_in_a_warehouse() {
        let body = r#"{"event_type": "inventory", "inventory_id": "i1", "product_id": "p1", "warehouse_id": "w1",
            "quantity_change": -7, "reason": "sale", "timestamp": "2025-02-25T03:56:53.060650Z"}"#;
        let body = Arc::new(serde_json::from_str(body).unwrap());
        let event = Event { kind: "inventory".into(), at: Timestamp::MIN, body };
        let change = StockChange::read(&event).unwrap();
        assert_eq!(change.delta(), (("p1".into(), "w1".into()), -7));
        assert_eq!(change.join_key(), "p1");
        assert_eq!(change.timestamp, Timestamp::from_micros(1_740_455_813_060_650));
    }
}
