//! The curated layer: events as flat rows, ready to be summed and joined.
//!
//! An order becomes one [`OrderHeader`] and an [`OrderItem`] for each of its items, an inventory event a
//! [`StockChange`], an activity event an [`ActivityRow`]. Each row has the `join_key` that its counterpart has too:
//! items and stock changes meet by product, orders and activity by customer.
mod activity;
mod order;
mod read;
mod stock;
mod tables;

pub use activity::ActivityRow;
pub use order::{Address, Item, Order, OrderHeader, OrderItem};
pub use read::NotOfThisKind;
pub use stock::{NetStock, StockChange};
pub use tables::{Known, KnownOutputs, items_with_stock, net_stock, orders_with_activity, tables};
