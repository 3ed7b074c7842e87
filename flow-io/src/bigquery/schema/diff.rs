//! What a table lacks of a schema.

use super::{Field, FieldType, Mode, Schema};

/// What [`Schema::additions`] finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Additions {
    /// The paths of the columns that the table lacks, as `items.price`.
    pub added: Vec<String>,
    /// The table's columns with those added, to update it with. Columns that the schema lacks stay, and so does
    /// everything that the two have in common.
    pub fields: Vec<Field>,
    /// Why rows of the schema do not fit the table, and adding columns would not help; a line each.
    pub conflicts: Vec<String>,
}

impl Additions {
    /// Whether rows of the schema fit the table as it is.
    pub fn fits(&self) -> bool {
        self.added.is_empty() && self.conflicts.is_empty()
    }
}

impl Schema {
    /// What `table` lacks, so that rows of this schema fit it.
    ///
    /// A column can be added to a table that exists if it is NULLABLE or REPEATED, also within a record. All other
    /// differences are conflicts, but for those that harm no row: a column that the table has besides and that may be
    /// left out, or one that may be NULL there and never is here.
    ///
    /// ```
    /// use flow_io::bigquery::Schema;
    /// let table = Schema::parse("id:STRING:REQUIRED, n:STRING")?;
    /// let found = Schema::parse("id:STRING, n:INTEGER, note:STRING")?.additions(&table);
    /// assert_eq!(found.added, ["note"]);
    /// assert_eq!(
    ///     found.conflicts,
    ///     ["`id` is REQUIRED in the table, and NULLABLE here", "`n` is STRING in the table, and INT64 here"],
    /// );
    /// # Ok::<(), flow_io::bigquery::SchemaError>(())
    /// ```
    pub fn additions(&self, table: &Schema) -> Additions {
        let mut found = Additions::default();
        found.fields = found.merge("", &self.fields, &table.fields);
        found
    }
}

impl Additions {
    /// The table's columns with those that it lacks.
    fn merge(&mut self, path: &str, wanted: &[Field], table: &[Field]) -> Vec<Field> {
        let mut merged = Vec::with_capacity(table.len());
        for theirs in table {
            let path = join(path, &theirs.name);
            if let Some(ours) = find(wanted, &theirs.name) {
                merged.push(self.both(&path, ours, theirs));
                continue;
            }
            if theirs.mode == Mode::Required {
                self.conflicts.push(format!("`{path}` is REQUIRED in the table, and missing here"));
            }
            merged.push(theirs.clone());
        }
        for ours in wanted.iter().filter(|ours| find(table, &ours.name).is_none()) {
            let path = join(path, &ours.name);
            if ours.mode == Mode::Required {
                self.conflicts.push(format!(
                    "`{path}` is missing in the table, and REQUIRED here: a column that is added must be NULLABLE or \
                     REPEATED"
                ));
            } else {
                self.added.push(path);
                merged.push(ours.clone());
            }
        }
        merged
    }

    /// The table's column, with what its record lacks.
    fn both(&mut self, path: &str, ours: &Field, theirs: &Field) -> Field {
        let repeated = |field: &Field| field.mode == Mode::Repeated;
        let tighter = (ours.mode, theirs.mode) == (Mode::Nullable, Mode::Required);
        if tighter || repeated(ours) != repeated(theirs) {
            let (table, here) = (theirs.mode.name(), ours.mode.name());
            self.conflicts.push(format!("`{path}` is {table} in the table, and {here} here"));
        }
        let mut field = theirs.clone();
        match (&ours.kind, &theirs.kind) {
            (FieldType::Record(ours), FieldType::Record(theirs)) => {
                field.kind = FieldType::Record(self.merge(path, ours, theirs));
            }
            (ours, theirs) if ours == theirs => {}
            (ours, theirs) => {
                let (table, here) = (theirs.name(), ours.name());
                self.conflicts.push(format!("`{path}` is {table} in the table, and {here} here"));
            }
        }
        field
    }
}

fn find<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, text: &str) -> Field {
        Field::repeated(name, FieldType::Record(Schema::parse(text).expect("columns").fields))
    }

    #[test]
    fn a_table_that_has_all_columns_fits() {
        let rows = Schema::parse("id:STRING:REQUIRED, n:INT64, tags:STRING:REPEATED").unwrap();
        assert!(rows.additions(&rows).fits());
        let wider =
            Schema::parse("extra:STRING, more:DATE:REPEATED, ID:STRING, N:INT64, tags:STRING:REPEATED")
                .unwrap();
        let found = rows.additions(&wider);
        assert!(found.fits(), "{found:?}");
        assert_eq!(found.fields, wider.fields);
    }

    #[test]
    fn columns_are_added_within_records_too() {
        let rows = Schema::new(vec![
            Field::nullable("id", FieldType::String),
            record("items", "sku:STRING, price:FLOAT64, discounts:INT64:REPEATED"),
            Field::nullable("note", FieldType::String),
        ]);
        let table = Schema::new(vec![
            record("items", "sku:STRING, old:DATE"),
            Field::nullable("id", FieldType::String),
        ]);
        let found = rows.unwrap().additions(&table.unwrap());
        assert_eq!(found.added, ["items.price", "items.discounts", "note"]);
        assert_eq!(found.conflicts, [""; 0]);
        assert_eq!(
            Schema::new(found.fields).unwrap().to_string(),
            "items:RECORD<sku:STRING, old:DATE, price:FLOAT64, discounts:INT64:REPEATED>:REPEATED, id:STRING, note:STRING"
        );
    }

    #[test]
    fn what_is_no_addition_is_said() {
        let rows = Schema::new(vec![
            Field::required("new", FieldType::String),
            record("items", "sku:INT64"),
            Field::nullable("tags", FieldType::String),
            Field::nullable("id", FieldType::String),
        ]);
        let table = Schema::new(vec![
            Field::required("id", FieldType::String),
            record("items", "sku:STRING"),
            Field::repeated("tags", FieldType::String),
            Field::required("by", FieldType::String),
        ]);
        let table = table.unwrap();
        let found = rows.unwrap().additions(&table);
        let wanted = [
            "`id` is REQUIRED in the table, and NULLABLE here",
            "`items.sku` is STRING in the table, and INT64 here",
            "`tags` is REPEATED in the table, and NULLABLE here",
            "`by` is REQUIRED in the table, and missing here",
            "`new` is missing in the table, and REQUIRED here: a column that is added must be NULLABLE or REPEATED",
        ];
        assert_eq!(found.conflicts, wanted);
        assert_eq!(found.fields, table.fields);
    }
}
