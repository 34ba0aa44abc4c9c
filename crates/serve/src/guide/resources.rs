//! Addresses: readings of tools, and what is known about each tool.

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CacheScope, ErrorCode, ListResourceTemplatesResult, ListResourcesResult, PaginatedRequestParams,
        ReadResourceRequestParams, ReadResourceResult, Resource, ResourceContents, ResourceTemplate,
    },
    service::RequestContext,
};
use serde_json::{Map, Value, json};
use trainyard_contract::{Context, Error, ErrorKind, Reading};
use trainyard_dispatch::Outcome;

use super::{address, pages::page};
use crate::mcp::{LIST_TTL_MS, Server};

pub(super) const JSON: &str = "application/json";
const TOOL: &str = "trainyard://tools/";

impl<C: Context> Server<C> {
    /// Readings whose tool is offered here.
    fn readings(&self) -> impl Iterator<Item = &'static Reading> {
        let registry = self.dispatch.registry();
        self.about.guide.readings.iter().filter(move |reading| registry.knows(reading.tool))
    }

    pub(crate) fn resources(&self, request: Option<&PaginatedRequestParams>) -> Result<ListResourcesResult, ErrorData> {
        let fixed = self.readings().filter(|reading| !address::is_template(reading.address));
        let fixed = fixed.map(|reading| resource(reading.address, reading.name, reading.about));
        let fixed = fixed.chain(self.record_addresses().map(|(address, name, about)| resource(address, name, about)));
        let views = self.dispatch.registry().views().iter();
        let tools = views.map(|view| resource(&format!("{TOOL}{}", view.name), view.name, "Parameters and examples"));
        let (items, next) = page(fixed.chain(tools).collect(), request)?;
        let mut list =
            ListResourcesResult::with_all_items(items).with_ttl_ms(LIST_TTL_MS).with_cache_scope(CacheScope::Public);
        list.next_cursor = next;
        list.meta = self.meta();
        Ok(list)
    }

    pub(crate) fn templates(
        &self,
        request: Option<&PaginatedRequestParams>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut all: Vec<_> =
            self.readings().filter(|reading| address::is_template(reading.address)).map(template).collect();
        let about = ResourceTemplate::new(format!("{TOOL}{{name}}"), "tool");
        all.push(about.with_description("Parameters and examples of a tool").with_mime_type(JSON));
        all.extend(self.record_templates());
        let (items, next) = page(all, request)?;
        let mut list = ListResourceTemplatesResult::with_all_items(items)
            .with_ttl_ms(LIST_TTL_MS)
            .with_cache_scope(CacheScope::Public);
        list.next_cursor = next;
        list.meta = self.meta();
        Ok(list)
    }

    pub(crate) async fn read(
        &self,
        params: &ReadResourceRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<ReadResourceResult, ErrorData> {
        let address = params.uri.as_str();
        if let Some(name) = address.strip_prefix(TOOL) {
            let about = self.about_tool(name).map_err(|error| refused(&error, address))?;
            return Ok(self.reading(address, &about).with_ttl_ms(LIST_TTL_MS).with_cache_scope(CacheScope::Public));
        }
        if let Some(record) = self.record(address, context).await {
            return record;
        }
        let found = self.readings().find_map(|reading| Some((reading, address::values(reading.address, address)?)));
        let Some((reading, values)) = found else {
            let error =
                Error::not_found("resource", address).hint("resources/list and resources/templates/list have them");
            return Err(refused(&error, address));
        };
        let mut arguments = object(reading.arguments);
        arguments.extend(values.into_iter().map(|(name, value)| (name, Value::from(value))));
        match self.run(self.request(reading.tool, arguments, context, true), context).await? {
            Outcome::Done(done) => {
                // What stands there changes by itself, and may depend on who asks.
                Ok(self.reading(address, &done.value).with_ttl_ms(0).with_cache_scope(CacheScope::Private))
            }
            Outcome::Failed(error, _) => Err(refused(&error, address)),
            Outcome::Ask(question) => {
                let why = format!("{} would have to be asked about; call the tool instead", question.tool);
                Err(refused(&Error::policy_denied(why), address))
            }
        }
    }

    pub(super) fn reading(&self, address: &str, value: &Value) -> ReadResourceResult {
        let contents = ResourceContents::text(value.to_string(), address).with_mime_type(JSON);
        let mut result = ReadResourceResult::new(vec![contents]);
        result.meta = self.meta();
        result
    }

    /// A tool as a client lists it, with the calls behind its name and an example of each.
    pub(crate) fn about_tool(&self, name: &str) -> trainyard_contract::Result<Value> {
        let registry = self.dispatch.registry();
        let definition = registry.definition(name)?;
        let view = registry.views().iter().find(|view| view.name == definition.name);
        let view = view.ok_or_else(|| Error::not_found("tool", name))?;
        let calls = definition
            .calls()
            .iter()
            .map(|call| json!({ "name": call.name, "effect": call.effect, "example": object(call.example) }));
        Ok(json!({
            "name": view.name,
            "toolset": view.toolset,
            "description": view.description,
            "parameters": view.input,
            "calls": calls.collect::<Vec<_>>(),
        }))
    }
}

/// A JSON object that stands in the source.
pub(super) fn object(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

fn resource(address: &str, name: &str, about: &str) -> Resource {
    Resource::new(address, name).with_description(about).with_mime_type(JSON)
}

fn template(reading: &Reading) -> ResourceTemplate {
    ResourceTemplate::new(reading.address, reading.name).with_description(reading.about).with_mime_type(JSON)
}

/// Why an address cannot be read. One that is not there, or not in the right form, is the caller's error.
pub(super) fn refused(error: &Error, address: &str) -> ErrorData {
    let code = match error.kind() {
        ErrorKind::NotFound | ErrorKind::Validation => ErrorCode::INVALID_PARAMS,
        _ => ErrorCode::INTERNAL_ERROR,
    };
    ErrorData::new(code, error.to_string(), Some(json!({ "uri": address, "error": error })))
}
