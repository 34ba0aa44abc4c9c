//! The tables, area by area: each area lists the steps that made its tables what they are.
//!
//! A step that was released is never changed; what changes is a step more.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use trainyard_contract::Error;

use super::Failure;

/// Tables that belong together, and how they became what they are.
pub(crate) struct Area {
    pub(crate) name: &'static str,
    /// Each a text of SQL that is run once, in this order.
    pub(crate) steps: &'static [&'static str],
}

/// Every area. Those that refer to others stand after them.
static AREAS: &[Area] = &[crate::datasets::AREA, crate::job::AREA, crate::model::AREA];

/// Tells our files from other databases (`TYml`).
const APPLICATION: i32 = 0x5459_6d6c;

/// Runs the steps that this file has not seen. Whoever finds nothing to do writes nothing.
pub(super) fn bring_up_to_date(connection: &mut Connection) -> Result<(), Failure> {
    bring_to(connection, AREAS)
}

pub(super) fn bring_to(connection: &mut Connection, areas: &[Area]) -> Result<(), Failure> {
    let application: i32 = connection.query_row("PRAGMA application_id", (), |row| row.get(0))?;
    if application == APPLICATION
        && areas.iter().all(|area| seen(connection, area.name).is_ok_and(|steps| steps == area.steps.len()))
    {
        return Ok(());
    }
    // Another process may have begun as well: look again when nobody else can write.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS areas (name TEXT PRIMARY KEY, steps INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    )?;
    let mut total = 0;
    for area in areas {
        let done = seen(&transaction, area.name)?;
        if done > area.steps.len() {
            return Err(Error::unsupported("the database was made by a newer version of this program")
                .code("NewerStore")
                .hint("update this program, or give it another --state-dir")
                .into());
        }
        for step in &area.steps[done..] {
            transaction.execute_batch(step)?;
        }
        let steps = i64::try_from(area.steps.len()).unwrap_or(i64::MAX);
        transaction.execute("INSERT OR REPLACE INTO areas (name, steps) VALUES (?1, ?2)", (area.name, steps))?;
        total += steps;
    }
    // For people who look at the file with other tools.
    transaction.pragma_update(None, "user_version", total)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.commit()?;
    Ok(())
}

/// How many steps of an area this file has seen.
fn seen(connection: &Connection, area: &str) -> Result<usize, Failure> {
    let steps: Option<i64> =
        connection.query_row("SELECT steps FROM areas WHERE name = ?1", [area], |row| row.get(0)).optional()?;
    Ok(steps.map_or(0, |steps| usize::try_from(steps).unwrap_or(usize::MAX)))
}
