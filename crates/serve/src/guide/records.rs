//! Addresses of what belongs to a caller: its plans that wait, its calls in the audit log, its large answers.

use rmcp::{
    ErrorData, RoleServer,
    model::{CacheScope, ReadResourceResult, ResourceTemplate},
    service::RequestContext,
};
use serde_json::{Value, json};
use trainyard_contract::{Context, Error, Result};
use trainyard_dispatch::RESULTS;

use super::{
    address,
    resources::{JSON, refused},
};
use crate::mcp::Server;

const PLANS: &str = "trainyard://plans/{plan}";
const AUDIT: &str = "trainyard://audit";
const CALL: &str = "trainyard://audit/{call}";
const RESULT: &str = "trainyard://results/{result}";
const REST: &str = "trainyard://results/{result}/{from}";

/// What an address names.
enum Record {
    Plan(String),
    Calls,
    Call(String),
    Result(String, usize),
}

fn named(address: &str) -> Option<Record> {
    let values = |template| address::values(template, address);
    let one = |template, name| values(template)?.remove(name);
    if address == AUDIT {
        return Some(Record::Calls);
    }
    one(PLANS, "plan").map(Record::Plan).or_else(|| one(CALL, "call").map(Record::Call)).or_else(|| {
        if let Some(id) = one(RESULT, "result") {
            return Some(Record::Result(id, 0));
        }
        let mut values = values(REST)?;
        Some(Record::Result(values.remove("result")?, values.get("from")?.parse().ok()?))
    })
}

impl<C: Context> Server<C> {
    /// Templates of these addresses.
    pub(super) fn record_templates(&self) -> Vec<ResourceTemplate> {
        let template = |address: &str, name: &str, about: &str| {
            ResourceTemplate::new(address, name).with_description(about).with_mime_type(JSON)
        };
        let mut all = vec![
            template(PLANS, "plan", "A plan of yours that waits for somebody's word"),
            template(RESULT, "result", "An answer of the last ten minutes that was too large, whole, in pages"),
        ];
        if self.dispatch.keeps_audit() {
            all.push(template(CALL, "audited-call", "What the audit log says of one of your calls, by number or id"));
        }
        all
    }

    /// Fixed addresses among them: address, name, what one reads there.
    pub(super) fn record_addresses(&self) -> Option<(&'static str, &'static str, &'static str)> {
        self.dispatch.keeps_audit().then_some((AUDIT, "audit", "Your newest calls in the audit log"))
    }

    /// Values for the names in these addresses.
    pub(super) fn record_values(&self, argument: &str, context: &RequestContext<RoleServer>) -> Option<Vec<String>> {
        let principal = self.caller(context).principal;
        match argument {
            "plan" => Some(self.dispatch.plan_handles(&principal)),
            "result" => Some(self.dispatch.result_names(&principal)),
            _ => None,
        }
    }

    /// What stands at such an address; `None` where it is none.
    pub(super) async fn record(
        &self,
        address: &str,
        context: &RequestContext<RoleServer>,
    ) -> Option<std::result::Result<ReadResourceResult, ErrorData>> {
        let record = named(address)?;
        let principal = self.caller(context).principal;
        let value = match record {
            Record::Plan(handle) => self.dispatch.plan_record(&handle, &principal),
            Record::Result(id, from) => self.result(&id, from, &principal),
            Record::Calls => self.audited(None, principal).await,
            Record::Call(call) => self.audited(Some(call), principal).await,
        };
        Some(match value {
            Ok(value) => Ok(self.reading(address, &value).with_ttl_ms(0).with_cache_scope(CacheScope::Private)),
            Err(error) => Err(refused(&error, address)),
        })
    }

    fn result(&self, id: &str, from: usize, principal: &str) -> Result<Value> {
        let (mut page, next) = self.dispatch.result_page(id, from, principal)?;
        page["next"] = json!(next.map(|from| format!("{RESULTS}{id}/{from}")));
        Ok(page)
    }

    /// Reads files, and so on a thread where nobody waits for it.
    async fn audited(&self, call: Option<String>, principal: String) -> Result<Value> {
        let server = self.clone();
        let read = tokio::task::spawn_blocking(move || server.dispatch.audit_record(call.as_deref(), &principal));
        read.await.map_err(|error| Error::internal(format!("the audit log could not be read: {error}")))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_one_thing_each() {
        assert!(matches!(named("trainyard://plans/plan-1"), Some(Record::Plan(handle)) if handle == "plan-1"));
        assert!(matches!(named("trainyard://audit"), Some(Record::Calls)));
        assert!(matches!(named("trainyard://audit/7"), Some(Record::Call(call)) if call == "7"));
        assert!(matches!(named("trainyard://results/a"), Some(Record::Result(id, 0)) if id == "a"));
        assert!(matches!(named("trainyard://results/a/20"), Some(Record::Result(_, 20))));
        for other in ["trainyard://plans", "trainyard://results/a/-1", "trainyard://results/a/b/c", "trainyard://x", ""]
        {
            assert!(named(other).is_none(), "{other}");
        }
    }
}
