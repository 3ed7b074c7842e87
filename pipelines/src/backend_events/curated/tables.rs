//! The curated layer's tables.

use std::time::Duration;

use flow_core::prelude::*;
use flow_io::bigquery::{Field, FieldType, Schema};
use serde::Serialize;

use super::{ActivityRow, NetStock, NotOfThisKind, Order, OrderHeader, OrderItem, StockChange};
use crate::backend_events::event::Event;
use crate::backend_events::output::Tables;
use crate::backend_events::pipeline::Settings;
use crate::backend_events::tables::{Day, Table as Layout};

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

/// The net change of every product in every warehouse on each day. In a stream a row comes each minute in which there was
/// a change, and what comes for a day that has ended is a further row: the net is the sum of all rows. A stream could
/// not wait for the day to end, as its messages are acknowledged only when they have become rows.
pub fn net_stock(changes: &PCollection<StockChange>, allowed_lateness: Duration) -> PCollection<NetStock> {
    let days = Fixed::of(Duration::from_hours(24)).allowed_lateness(allowed_lateness).discarding();
    let days = if changes.is_bounded() {
        days
    } else {
        days.trigger(AtWatermark.early(after_processing_time(Duration::from_mins(1))).late(after_count(1)))
    };
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
    columns: &'static [(&'static str, FieldType)],
    partitioned_by: &'static str,
    at: fn(&T) -> Timestamp,
}

const ORDER_HEADER: Table<OrderHeader> = Table {
    name: "order_header",
    columns: &[
        ("order_id", FieldType::String),
        ("customer_id", FieldType::String),
        ("order_date", FieldType::Timestamp),
        ("status", FieldType::String),
        ("street", FieldType::String),
        ("city", FieldType::String),
        ("country", FieldType::String),
        ("item_count", FieldType::Int64),
        ("items_total", FieldType::Float64),
        ("total_amount", FieldType::Float64),
    ],
    partitioned_by: "order_date",
    at: |row| row.order_date,
};

const ORDER_ITEM: Table<OrderItem> = Table {
    name: "order_item",
    columns: &[
        ("order_id", FieldType::String),
        ("order_date", FieldType::Timestamp),
        ("line", FieldType::Int64),
        ("product_id", FieldType::String),
        ("product_name", FieldType::String),
        ("quantity", FieldType::Int64),
        ("price", FieldType::Float64),
        ("line_total", FieldType::Float64),
    ],
    partitioned_by: "order_date",
    at: |row| row.order_date,
};

const INVENTORY_NET: Table<NetStock> = Table {
    name: "inventory_net",
    columns: &[
        ("day", FieldType::Timestamp),
        ("product_id", FieldType::String),
        ("warehouse_id", FieldType::String),
        ("net_quantity", FieldType::Int64),
    ],
    partitioned_by: "day",
    at: |row| row.day,
};

const ACTIVITY: Table<ActivityRow> = Table {
    name: "activity",
    columns: &[
        ("user_id", FieldType::String),
        ("activity_type", FieldType::String),
        ("ip_address", FieldType::String),
        ("user_agent", FieldType::String),
        ("timestamp", FieldType::Timestamp),
        ("session_id", FieldType::String),
        ("platform", FieldType::String),
    ],
    partitioned_by: "timestamp",
    at: |row| row.timestamp,
};

impl<T: Element + Serialize> Table<T> {
    /// Appends rows as they come: the table waits for no window to end.
    fn write(self, rows: &PCollection<T>, settings: &Settings) {
        let (at, layout, output) = (self.at, self.layout(), &settings.output);
        rows.apply(self.name, |rows| {
            let rows = rows.window(Global::windows());
            match &output.tables {
                Tables::Files(root) => {
                    let files = layout.files(&root.join("curated"));
                    rows.write_by(move |row| Day::of(at(row)), move |day| files.on(*day));
                }
                Tables::BigQuery(datasets) => {
                    rows.write(layout.big_query(&datasets.dataset(&datasets.curated), output));
                }
            }
        });
    }

    fn layout(&self) -> Layout {
        let columns = self.columns.iter().map(|(name, kind)| Field::required(*name, kind.clone()));
        Layout {
            name: self.name.to_owned(),
            schema: Schema::new(columns.collect()).expect("these are columns"),
            partitioned_by: self.partitioned_by.to_owned(),
            clustered_by: Vec::new(),
        }
    }
}
