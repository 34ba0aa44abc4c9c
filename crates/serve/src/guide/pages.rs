//! Lists in pages. A cursor says where the next begins.

use rmcp::{ErrorData, model::PaginatedRequestParams};

/// Items of one page.
const PAGE: usize = 50;

/// A page of a list, and the cursor of the next.
pub(super) fn page<T>(
    items: Vec<T>,
    request: Option<&PaginatedRequestParams>,
) -> Result<(Vec<T>, Option<String>), ErrorData> {
    let start = match request.and_then(|request| request.cursor.as_deref()) {
        None | Some("") => 0,
        Some(cursor) => cursor
            .strip_prefix("from-")
            .and_then(|start| start.parse().ok())
            .filter(|start| *start < items.len())
            .ok_or_else(|| ErrorData::invalid_params("this cursor does not belong to this list", None))?,
    };
    let end = start.saturating_add(PAGE);
    let next = (end < items.len()).then(|| format!("from-{end}"));
    Ok((items.into_iter().skip(start).take(PAGE).collect(), next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(cursor: &str) -> PaginatedRequestParams {
        PaginatedRequestParams::default().with_cursor(Some(cursor.to_owned()))
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let items: Vec<usize> = (0..120).collect();
        let (mut all, mut next) = page(items.clone(), None).unwrap();
        while let Some(cursor) = next {
            let (more, after) = page(items.clone(), Some(&at(&cursor))).unwrap();
            all.extend(more);
            next = after;
        }
        assert_eq!(all, items);
        assert_eq!(page(items.clone(), Some(&at(""))).unwrap().0.len(), PAGE, "an empty cursor is a cursor");
        for cursor in ["from-120", "from--1", "50", "from-x", "from-99999999999999999999"] {
            assert!(page(items.clone(), Some(&at(cursor))).is_err(), "{cursor}");
        }
    }
}
