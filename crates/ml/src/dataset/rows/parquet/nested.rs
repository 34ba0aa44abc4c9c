//! Lists, maps, and structs that hold them: one cell each, as JSON.

use std::{borrow::Cow, sync::Arc};

use parquet::{
    errors::{ParquetError, Result},
    file::reader::RowGroupReader,
    record::{
        Field,
        reader::{ReaderIter, TreeBuilder},
    },
    schema::types::{SchemaDescriptor, Type},
};

use crate::dataset::value::Cell;

/// A field of a group of rows, put together again from its leaves.
pub(super) struct Nested(ReaderIter);

impl Nested {
    /// Begins to read the field of this number.
    pub(super) fn open(schema: &SchemaDescriptor, field: usize, group: &dyn RowGroupReader) -> Result<Self> {
        let root = schema.root_schema();
        let field = root.get_fields().get(field).cloned();
        let field = field.ok_or_else(|| ParquetError::General("its schema and its rows differ".to_owned()))?;
        let only = Type::group_type_builder(root.name()).with_fields(vec![field]).build()?;
        let only = Arc::new(SchemaDescriptor::new(Arc::new(only)));
        Ok(Self(TreeBuilder::new().as_iter(only, group)?))
    }

    /// Reads up to so many rows.
    pub(super) fn read(&mut self, rows: usize, cells: &mut Vec<Cell<'static>>) -> Result<()> {
        for row in self.0.by_ref().take(rows) {
            let row = row?;
            cells.push(match row.get_column_iter().next() {
                None | Some((_, Field::Null)) => Cell::Missing,
                Some((_, field)) => Cell::Nested(Cow::Owned(field.to_json_value().to_string())),
            });
        }
        Ok(())
    }
}
