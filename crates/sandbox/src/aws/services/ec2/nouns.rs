//! What is described by ids and filters alone: one function for all nouns of the table.

mod table;

use serde_json::{Value, json};

use super::{
    filters::{Names, filtered},
    refused,
};
use crate::aws::{account::Cx, table::Table, wire::Refusal};

pub(super) use self::table::NOUNS;

/// Where the rows of a noun come from.
pub(super) enum Rows {
    Kept(Table),
    /// Made of other rows.
    Made(fn(&Cx<'_>) -> Vec<Value>),
}

/// A noun.
pub(super) struct Noun {
    operation: &'static str,
    pub(super) rows: Rows,
    /// Members of the input that list ids or names, and the member of a row that is meant.
    ids: &'static [(&'static str, &'static str)],
    /// Code and words of the refusal for an id that is not there.
    absent: (&'static str, &'static str),
    /// Member of the output.
    output: &'static str,
    /// What tags call it; empty where it has none.
    pub(super) kind: &'static str,
    filters: Names,
}

impl Noun {
    /// The member that is the id.
    pub(super) fn id(&self) -> &'static str {
        self.ids.first().map_or("", |ids| ids.1)
    }

    /// Where it is kept.
    pub(super) fn table(&self) -> Option<Table> {
        match self.rows {
            Rows::Kept(table) => Some(table),
            Rows::Made(_) => None,
        }
    }
}

/// Describes a noun: the rows of the ids, else all, in either case those that pass the filters.
pub(super) fn describe(cx: &mut Cx<'_>) -> Result<Value, Refusal> {
    let noun = NOUNS.iter().find(|noun| noun.operation == cx.operation);
    let noun = noun.ok_or_else(|| refused("InternalError", "no noun of this operation"))?;
    let made;
    let rows: Vec<&Value> = match noun.rows {
        Rows::Kept(table) => cx.rows(table).collect(),
        Rows::Made(of) => {
            made = of(cx);
            made.iter().collect()
        }
    };
    let rows = chosen(cx, noun, rows)?;
    let window = cx.window(rows.len());
    let mut shown: Vec<Value> = rows[window].iter().map(|row| shown(row)).collect();
    if cx.is("IncludePublicKey") {
        for row in &mut shown {
            let id = row["KeyPairId"].as_str().unwrap_or_default();
            let public = cx.get(Table::KeyPairs, id).map(|row| row["_public_key"].clone());
            row["PublicKey"] = public.unwrap_or_default();
        }
    }
    Ok(json!({ noun.output: shown }))
}

/// A row as it is answered: without what only the sandbox knows.
pub(in crate::aws) fn shown(row: &Value) -> Value {
    let mut row = row.clone();
    if let Some(members) = row.as_object_mut() {
        members.retain(|name, _| !name.starts_with('_'));
    }
    row
}

fn chosen<'r>(cx: &Cx<'_>, noun: &Noun, mut rows: Vec<&'r Value>) -> Result<Vec<&'r Value>, Refusal> {
    for (member, key) in noun.ids {
        let ids = cx.texts(member);
        if ids.is_empty() {
            continue;
        }
        if !cx.input["MaxResults"].is_null() {
            let message = format!("The parameter {member} cannot be used with the parameter maxResults");
            return Err(refused("InvalidParameterCombination", message));
        }
        if let Some(id) = ids.iter().find(|id| !rows.iter().any(|row| row[*key] == **id)) {
            // Templates are the one noun whose ids and names are refused by different codes.
            let code = if *member == "LaunchTemplateIds" { "InvalidLaunchTemplateId.NotFound" } else { noun.absent.0 };
            return Err(refused(code, format!("The {} '{id}' does not exist", noun.absent.1)));
        }
        rows.retain(|row| ids.iter().any(|id| row[*key] == **id));
    }
    let owners = [cx.texts("Owners"), cx.texts("OwnerIds")].concat();
    if !owners.is_empty() {
        let own = cx.account.id.as_str();
        let is = |row: &Value, owner: &str| row["OwnerId"] == owner || row["ImageOwnerAlias"] == owner;
        rows.retain(|row| owners.iter().any(|owner| is(row, if owner == "self" { own } else { owner })));
    }
    filtered(rows, cx.input, noun.filters)
}
