//! Pages of lists that are computed whole: the cursor says how many rows were given.

use trainyard_contract::{Cursor, Listing, PageMark, Place, Result};

use crate::{Cx, common::Limit};

/// The rows from where the call before stopped, and where it goes on.
pub(super) fn page<T, A: trainyard_contract::Access>(
    cx: &Cx<A>,
    rows: impl Iterator<Item = T>,
    limit: Limit,
    cursor: Option<&Cursor>,
) -> Result<Listing<T>> {
    let wanted = cx.wanted(limit.0, cursor);
    let skip = match wanted.cursor {
        Some(cursor) => cursor.open(wanted.binding)?.skip,
        None => 0,
    };
    let at = |skip: usize| Cursor::seal(wanted.binding, &Place { token: None, skip });
    let mut rows = rows.skip(skip);
    let items: Vec<T> = rows.by_ref().take(wanted.limit).collect();
    let next = rows.next().map(|_| at(skip + items.len()));
    Ok(Listing::part(items, next, vec![PageMark { start: 0, cursor: at(skip) }]))
}
