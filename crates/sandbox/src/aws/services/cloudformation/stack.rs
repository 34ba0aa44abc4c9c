//! One stack: its row, its resources, its events, and its template evaluated.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{functions::Scope, kinds::STACK, run::step, template};
use crate::aws::{
    account::{Account, Then},
    table::Table,
};

/// What it takes until CloudFormation looks at a stack.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// A stack: where it is, and its ARN.
#[derive(Clone, Copy)]
pub(super) struct Stack<'s> {
    pub(super) region: &'s str,
    pub(super) id: &'s str,
}

impl Stack<'_> {
    pub(super) fn row(self, account: &Account) -> Value {
        account.row(self.region, Table::Stacks, self.id).cloned().unwrap_or_default()
    }

    pub(super) fn status(self, account: &Account) -> String {
        let row = account.row(self.region, Table::Stacks, self.id);
        row.and_then(|row| row["StackStatus"].as_str()).unwrap_or_default().to_owned()
    }

    pub(super) fn put(self, account: &mut Account, member: &str, value: Value) {
        if let Some(row) = account.row_mut(self.region, Table::Stacks, self.id) {
            row[member] = value;
        }
    }

    /// The resources that it has or had, in the order in which they were begun.
    pub(super) fn resources(self, account: &Account) -> Vec<Value> {
        let of_stack = |row: &&Value| row["StackId"] == self.id;
        account.rows(self.region, Table::StackResources).filter(of_stack).cloned().collect()
    }

    pub(super) fn resource(self, account: &Account, logical: &str) -> Option<Value> {
        account.row(self.region, Table::StackResources, &self.of(logical)).cloned()
    }

    pub(super) fn of(self, logical: &str) -> String {
        format!("{}/{logical}", self.id)
    }

    /// Lets CloudFormation look at it soon.
    pub(super) fn look(self, account: &mut Account) {
        account.later(LOOK, self.region, Table::Stacks, self.id, Then::Step(step));
    }

    /// Gives it a state, which is an event.
    pub(super) fn becomes(self, account: &mut Account, status: &str, reason: Option<&str>) {
        let stamp = account.stamp();
        let Some(row) = account.row_mut(self.region, Table::Stacks, self.id) else { return };
        row["StackStatus"] = status.into();
        match (reason, row.as_object_mut()) {
            (Some(reason), _) => row["StackStatusReason"] = reason.into(),
            (None, Some(members)) => drop(members.shift_remove("StackStatusReason")),
            (None, None) => {}
        }
        match status {
            "DELETE_COMPLETE" => row["DeletionTime"] = stamp,
            "UPDATE_IN_PROGRESS" => row["LastUpdatedTime"] = stamp,
            _ => {}
        }
        // States that no event has, says the model of events.
        if status == "REVIEW_IN_PROGRESS" || status.ends_with("_CLEANUP_IN_PROGRESS") {
            return;
        }
        let name = row["StackName"].clone();
        let (logical, id) = (name.as_str().unwrap_or_default().to_owned(), self.id.to_owned());
        self.event(account, &logical, &json!({ "PhysicalResourceId": id, "ResourceType": STACK }), status, reason);
    }

    /// Gives a resource a state, which is an event.
    pub(super) fn resource_becomes(self, account: &mut Account, logical: &str, status: &str, reason: Option<&str>) {
        let (id, stamp) = (self.of(logical), account.stamp());
        let Some(row) = account.row_mut(self.region, Table::StackResources, &id) else { return };
        row["ResourceStatus"] = status.into();
        row["Timestamp"] = stamp;
        match (reason, row.as_object_mut()) {
            (Some(reason), _) => row["ResourceStatusReason"] = reason.into(),
            (None, Some(members)) => drop(members.shift_remove("ResourceStatusReason")),
            (None, None) => {}
        }
        let row = row.clone();
        self.event(account, logical, &row, status, reason);
    }

    fn event(self, account: &mut Account, logical: &str, of: &Value, status: &str, reason: Option<&str>) {
        let stack = self.row(account);
        let id = account.random.uid();
        let id = if logical == stack["StackName"] { id } else { format!("{logical}-{status}-{id}") };
        let mut row = json!({
            "EventId": id, "StackId": self.id, "StackName": stack["StackName"], "LogicalResourceId": logical,
            "PhysicalResourceId": of["PhysicalResourceId"].as_str().unwrap_or_default(), "ResourceType": of["ResourceType"],
            "ResourceStatus": status, "Timestamp": account.stamp(),
        });
        if let Some(reason) = reason {
            row["ResourceStatusReason"] = reason.into();
        }
        if of["_properties"].is_object() {
            row["ResourceProperties"] = of["_properties"].to_string().into();
        }
        if stack["_token"].is_string() {
            row["ClientRequestToken"] = stack["_token"].clone();
        }
        account.insert(self.region, Table::StackEvents, &id, row);
    }

    /// Changes members of a resource that answers do not show, or its id.
    pub(super) fn resource_has(self, account: &mut Account, logical: &str, members: &Value) {
        if let Some(row) = account.row_mut(self.region, Table::StackResources, &self.of(logical)) {
            for (name, value) in members.as_object().into_iter().flatten() {
                row[name.as_str()] = value.clone();
            }
        }
    }

    /// Evaluates something of its template.
    pub(super) fn evaluate<T>(self, account: &Account, act: impl FnOnce(&Scope<'_>) -> T) -> T {
        let row = self.row(account);
        let values = row["_parameters"].as_object().cloned().unwrap_or_default();
        let parameters = template::typed(&row["_parsed"], &values);
        let resource = |logical: &str| {
            let row = self.resource(account, logical).filter(|row| row["ResourceStatus"] != "DELETE_COMPLETE")?;
            Some((row["PhysicalResourceId"].clone(), row["_attributes"].clone()))
        };
        let exported = |name: &str| {
            let mut outputs =
                account.rows(self.region, Table::Stacks).filter_map(|row| row["Outputs"].as_array()).flatten();
            outputs.find(|output| output["ExportName"] == name).map(|output| output["OutputValue"].clone())
        };
        act(&Scope {
            template: &row["_parsed"],
            parameters: &parameters,
            pseudo: self.pseudo(account, &row),
            resource: &resource,
            exported: &exported,
            zones: ["a", "b", "c"].iter().map(|letter| format!("{}{letter}", self.region)).collect(),
        })
    }

    fn pseudo(self, account: &Account, row: &Value) -> Map<String, Value> {
        let texts = [
            ("AWS::AccountId", json!(account.id)),
            ("AWS::NotificationARNs", json!([])),
            ("AWS::Partition", json!("aws")),
            ("AWS::Region", json!(self.region)),
            ("AWS::StackId", json!(self.id)),
            ("AWS::StackName", row["StackName"].clone()),
            ("AWS::URLSuffix", json!("amazonaws.com")),
        ];
        texts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The resources of its template whose conditions hold.
    pub(super) fn wanted(self, account: &Account) -> Result<Vec<String>, String> {
        let row = self.row(account);
        self.evaluate(account, |scope| {
            let mut wanted = Vec::new();
            for (logical, resource) in template::resources(&row["_parsed"]) {
                if resource["Condition"].as_str().map_or(Ok(true), |name| scope.named_condition(name))? {
                    wanted.push(logical.clone());
                }
            }
            Ok(wanted)
        })
    }
}
