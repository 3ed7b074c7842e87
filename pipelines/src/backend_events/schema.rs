//! The schema of a type's table: for Parquet and as text.

use std::fmt::Write;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field as Column, Fields, Schema as ArrowSchema, SchemaRef, TimeUnit};
use flow_io::bigquery::{self, Schema};

use super::catalog::EventType;
use super::field::{Field, FieldType, Mode};

/// The dataset of the raw tables.
pub const DATASET: &str = "raw_events";

/// The schema of the type's table. No column is nullable, at any depth.
pub fn table_schema(event_type: &EventType) -> Schema {
    Schema::new(columns(event_type.fields())).expect("the catalog has checked the names")
}

/// The schema of the type's table as text: columns, partitioning and clustering.
///
/// ```
/// use pipelines::backend_events::{Catalog, schema};
///
/// let catalog = Catalog::builtin();
/// let text = schema::text(catalog.get("inventory").unwrap());
/// assert!(text.starts_with("raw_events.inventory\n"));
/// assert!(text.ends_with("clustered by product_id, warehouse_id\n"));
/// ```
pub fn text(event_type: &EventType) -> String {
    let mut text = format!("{DATASET}.{}\n", event_type.table());
    write_fields(&mut text, event_type.fields(), 1);
    writeln!(text, "partitioned by day on {}", event_type.partition_by()).expect("a String takes all");
    if !event_type.cluster_by().is_empty() {
        writeln!(text, "clustered by {}", event_type.cluster_by().join(", ")).expect("a String takes all");
    }
    text
}

fn columns(fields: &[Field]) -> Vec<bigquery::Field> {
    fields.iter().map(column).collect()
}

fn column(field: &Field) -> bigquery::Field {
    let one = match &field.of {
        FieldType::String(_) => bigquery::FieldType::String,
        FieldType::Integer(_) => bigquery::FieldType::Int64,
        FieldType::Float => bigquery::FieldType::Float64,
        FieldType::Timestamp => bigquery::FieldType::Timestamp,
        FieldType::Record(fields) => bigquery::FieldType::Record(columns(fields)),
    };
    match field.mode {
        Mode::Required => bigquery::Field::required(&field.name, one),
        Mode::Repeated => bigquery::Field::repeated(&field.name, one),
    }
}

/// The schema of a table that is kept as files of Parquet. Types that no table of ours has are text in them.
pub fn arrow_schema(schema: &Schema) -> SchemaRef {
    Arc::new(ArrowSchema::new(arrow_columns(schema.fields())))
}

fn arrow_columns(fields: &[bigquery::Field]) -> Fields {
    fields.iter().map(arrow_column).collect()
}

fn arrow_column(field: &bigquery::Field) -> Column {
    let one = match &field.kind {
        bigquery::FieldType::Int64 => DataType::Int64,
        bigquery::FieldType::Float64 => DataType::Float64,
        bigquery::FieldType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        bigquery::FieldType::Record(fields) => DataType::Struct(arrow_columns(fields)),
        _ => DataType::Utf8,
    };
    match field.mode {
        bigquery::Mode::Required => Column::new(&field.name, one, false),
        bigquery::Mode::Nullable => Column::new(&field.name, one, true),
        // "element" is the name in the Parquet format's own rules for lists.
        bigquery::Mode::Repeated => {
            let list = DataType::List(Arc::new(Column::new("element", one, false)));
            Column::new(&field.name, list, false)
        }
    }
}

fn write_fields(text: &mut String, fields: &[Field], depth: usize) {
    for field in fields {
        let name = format!("{:indent$}{}", "", field.name, indent = 2 * depth);
        writeln!(text, "{name:<22}{:<10}{}", field.of.name(), field.mode.name()).expect("a String takes all");
        if let FieldType::Record(fields) = &field.of {
            write_fields(text, fields, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend_events::Catalog;

    #[test]
    fn the_three_tables_have_the_published_columns() {
        let tables: Vec<_> = Catalog::builtin().types().map(|t| text(t)).collect();
        insta::assert_snapshot!(tables.join("\n"), @r"
        raw_events.order
          event_type          STRING    REQUIRED
          order_id            STRING    REQUIRED
          customer_id         STRING    REQUIRED
          order_date          TIMESTAMP REQUIRED
          status              STRING    REQUIRED
          items               RECORD    REPEATED
            product_id        STRING    REQUIRED
            product_name      STRING    REQUIRED
            quantity          INTEGER   REQUIRED
            price             FLOAT     REQUIRED
          shipping_address    RECORD    REQUIRED
            street            STRING    REQUIRED
            city              STRING    REQUIRED
            country           STRING    REQUIRED
          total_amount        FLOAT     REQUIRED
        partitioned by day on order_date
        clustered by status, customer_id

        raw_events.inventory
          event_type          STRING    REQUIRED
          inventory_id        STRING    REQUIRED
          product_id          STRING    REQUIRED
          warehouse_id        STRING    REQUIRED
          quantity_change     INTEGER   REQUIRED
          reason              STRING    REQUIRED
          timestamp           TIMESTAMP REQUIRED
        partitioned by day on timestamp
        clustered by product_id, warehouse_id

        raw_events.user_activity
          event_type          STRING    REQUIRED
          user_id             STRING    REQUIRED
          activity_type       STRING    REQUIRED
          ip_address          STRING    REQUIRED
          user_agent          STRING    REQUIRED
          timestamp           TIMESTAMP REQUIRED
          metadata            RECORD    REQUIRED
            session_id        STRING    REQUIRED
            platform          STRING    REQUIRED
        partitioned by day on timestamp
        clustered by activity_type, user_id
        ");
    }

    #[test]
    fn the_parquet_schema_of_an_order_is_nested() {
        let catalog = Catalog::builtin();
        let text = |name| Column::new(name, DataType::Utf8, false);
        let item = Fields::from(vec![
            text("product_id"),
            text("product_name"),
            Column::new("quantity", DataType::Int64, false),
            Column::new("price", DataType::Float64, false),
        ]);
        let address = Fields::from(vec![text("street"), text("city"), text("country")]);
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let wanted = ArrowSchema::new(vec![
            text("event_type"),
            text("order_id"),
            text("customer_id"),
            Column::new("order_date", instant, false),
            text("status"),
            Column::new_list("items", Column::new("element", DataType::Struct(item), false), false),
            Column::new("shipping_address", DataType::Struct(address), false),
            Column::new("total_amount", DataType::Float64, false),
        ]);
        assert_eq!(*arrow_schema(&table_schema(catalog.get("order").unwrap())), wanted);
    }

    #[test]
    fn the_flat_parquet_schemas_keep_the_order_of_the_table() {
        let catalog = Catalog::builtin();
        let names = |kind| -> Vec<String> {
            let schema = arrow_schema(&table_schema(catalog.get(kind).unwrap()));
            schema.fields().iter().map(|f| f.name().clone()).collect()
        };
        let inventory = [
            "event_type",
            "inventory_id",
            "product_id",
            "warehouse_id",
            "quantity_change",
            "reason",
            "timestamp",
        ];
        let activity =
            ["event_type", "user_id", "activity_type", "ip_address", "user_agent", "timestamp", "metadata"];
        assert_eq!(names("inventory"), inventory);
        assert_eq!(names("user_activity"), activity);
    }
}
