//! The curated layer's tables.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use flow_core::prelude::*;
use flow_io::files::ParquetFiles;
use serde::Serialize;

use super::{ActivityRow, NetStock, NotOfThisKind, Order, OrderHeader, OrderItem, StockChange};
use crate::backend_events::event::Event;
use crate::backend_events::paths;
use crate::backend_events::pipeline::Settings;
use crate::backend_events::tables::Day;

/// An event as Rust sees it, if it is of one of the shop's three types.
#[derive(Clone, Debug, Split)]
pub enum Known {
    /// An order.
    Order(Order),
    /// A change of stock.
    Stock(StockChange),
    /// What a user did.
    Activity(ActivityRow),
}

/// Writes order headers, order items, the net stock of each day and user activity to tables.
pub fn tables(events: &PCollection<Event>, settings: &Settings) {
    let KnownOutputs { order, stock, activity } = events.process(Known::read).named("read").split();
    let headers = order.map(|order| order.header()).named("order headers");
    let items =
        order.process(|order, out| order.item_rows().for_each(|row| out.emit(row))).named("order items");
    let net = stock.apply("net stock", |stock| net_stock(stock, settings.allowed_lateness));

    ORDER_HEADER.write(&headers, settings);
    ORDER_ITEM.write(&items, settings);
    INVENTORY_NET.write(&net, settings);
    ACTIVITY.write(&activity, settings);
}

/// The net change of every product in every warehouse on each day. What comes for a day that has ended is a further
/// row: the net is the sum of all rows.
pub fn net_stock(changes: &PCollection<StockChange>, allowed_lateness: Duration) -> PCollection<NetStock> {
    let days = Fixed::of(Duration::from_hours(24)).allowed_lateness(allowed_lateness).discarding();
    let sums = changes.window(days).map(|change| change.delta()).named("delta").sum_per_key();
    let row = |((product_id, warehouse_id), net_quantity), out: &mut Emit<'_, NetStock>| {
        let day = out.window().start;
        out.emit(NetStock { day, product_id, warehouse_id, net_quantity });
    };
    sums.process(row).named("row")
}

/// Every item of an order with every change of its product's stock in the same window.
pub fn items_with_stock(
    items: &PCollection<OrderItem>,
    changes: &PCollection<StockChange>,
) -> PCollection<(OrderItem, StockChange)> {
    items.key_by(OrderItem::join_key).join(&changes.key_by(StockChange::join_key)).values()
}

/// Every order with every activity of its customer in the same window.
pub fn orders_with_activity(
    orders: &PCollection<OrderHeader>,
    activity: &PCollection<ActivityRow>,
) -> PCollection<(OrderHeader, ActivityRow)> {
    orders.key_by(OrderHeader::join_key).join(&activity.key_by(ActivityRow::join_key)).values()
}

impl Known {
    /// Reads an event; types of a user's own catalog have no curated table.
    fn read(event: Event, out: &mut Emit<'_, Known>) -> Result<(), NotOfThisKind> {
        match &*event.kind {
            "order" => out.emit(Known::Order(Order::read(&event)?)),
            "inventory" => out.emit(Known::Stock(StockChange::read(&event)?)),
            "user_activity" => out.emit(Known::Activity(ActivityRow::read(&event)?)),
            _ => {}
        }
        Ok(())
    }
}

/// A table of the layer: its columns, none of them nullable, and the one that it is partitioned on, by day.
struct Table<T> {
    name: &'static str,
    columns: &'static [(&'static str, DataType)],
    partitioned_by: &'static str,
    at: fn(&T) -> Timestamp,
}

const INSTANT: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

const ORDER_HEADER: Table<OrderHeader> = Table {
    name: "order_header",
    columns: &[
        ("order_id", DataType::Utf8),
        ("customer_id", DataType::Utf8),
        ("order_date", INSTANT),
        ("status", DataType::Utf8),
        ("street", DataType::Utf8),
        ("city", DataType::Utf8),
        ("country", DataType::Utf8),
        ("item_count", DataType::UInt64),
        ("items_total", DataType::Float64),
        ("total_amount", DataType::Float64),
    ],
    partitioned_by: "order_date",
    at: |row| row.order_date,
};

const ORDER_ITEM: Table<OrderItem> = Table {
    name: "order_item",
    columns: &[
        ("order_id", DataType::Utf8),
        ("order_date", INSTANT),
        ("line", DataType::UInt64),
        ("product_id", DataType::Utf8),
        ("product_name", DataType::Utf8),
        ("quantity", DataType::Int64),
        ("price", DataType::Float64),
        ("line_total", DataType::Float64),
    ],
    partitioned_by: "order_date",
    at: |row| row.order_date,
};

const INVENTORY_NET: Table<NetStock> = Table {
    name: "inventory_net",
    columns: &[
        ("day", INSTANT),
        ("product_id", DataType::Utf8),
        ("warehouse_id", DataType::Utf8),
        ("net_quantity", DataType::Int64),
    ],
    partitioned_by: "day",
    at: |row| row.day,
};

const ACTIVITY: Table<ActivityRow> = Table {
    name: "activity",
    columns: &[
        ("user_id", DataType::Utf8),
        ("activity_type", DataType::Utf8),
        ("ip_address", DataType::Utf8),
        ("user_agent", DataType::Utf8),
        ("timestamp", INSTANT),
        ("session_id", DataType::Utf8),
        ("platform", DataType::Utf8),
    ],
    partitioned_by: "timestamp",
    at: |row| row.timestamp,
};

impl<T: Element + Serialize> Table<T> {
    /// Appends rows as they come: the table waits for no window to end.
    fn write(self, rows: &PCollection<T>, settings: &Settings) {
        let root = settings.output.join(paths::TABLES).join("curated").join(self.name);
        let files = ParquetFiles::under(root, self.schema());
        let (at, partitioned_by) = (self.at, self.partitioned_by);
        rows.apply(self.name, |rows| {
            rows.window(Global::windows()).write_by(
                move |row| Day::of(at(row)),
                move |day| files.clone().within(paths::partition(partitioned_by, day.start())),
            );
        });
    }

    fn schema(&self) -> SchemaRef {
        let utc = |of: &DataType| match of {
            DataType::Timestamp(unit, _) => DataType::Timestamp(*unit, Some("UTC".into())),
            other => other.clone(),
        };
        let columns = self.columns.iter().map(|(name, of)| Field::new(*name, utc(of), false));
        Arc::new(Schema::new(columns.collect::<Vec<_>>()))
    }
}
