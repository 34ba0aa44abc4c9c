//! The types of resources that stacks can have. Those whose operations are in the sandbox are made by these operations and
//! are there for everybody; the others are known to their stack alone, by the id and the attributes that they would have.

use std::time::Duration;

use serde_json::{Map, Value, json};
use trainyard_aws::catalogue::{self, model::Kind as Shape};

use super::{
    makers::Maker,
    types::{GROUP, INSTANCE, KINDS},
};
use crate::aws::{account::Account, services::within, table::Table, wire::Refusal};

/// A type of resources.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) seconds: u64,
    pub(super) made: Made,
    pub(super) attributes: &'static [(&'static str, Attribute)],
    /// Properties that cannot change in place: the resource is made anew.
    pub(super) replacing: &'static [&'static str],
}

/// How a resource is made, and what its physical id is.
pub(super) enum Made {
    /// By operations of the sandbox.
    Really(Calls),
    /// By several operations.
    By(Maker),
    /// A prefix and a number.
    Numbered(&'static str),
    /// The value of a property, or one made of the names of stack and resource.
    Named(&'static str),
    /// Values of properties, joined.
    Joined(&'static [&'static str], &'static str),
    /// An ARN: service, resource with the name in place of `{}`, property that is the name.
    Arn(&'static str, &'static str, &'static str),
    /// A stack.
    Nested,
}

/// Operations that make and delete a resource.
pub(super) struct Calls {
    pub(super) service: &'static str,
    pub(super) create: &'static str,
    /// Where the answer has the id.
    pub(super) id: &'static str,
    pub(super) delete: &'static str,
    /// Member of the input of `delete` that names it.
    pub(super) by: &'static str,
    /// What tags call it, where they are given when it is made.
    pub(super) tagged: Option<&'static str>,
    /// Properties that the operation calls otherwise.
    pub(super) renamed: &'static [(&'static str, &'static str)],
    /// Member that needs a name, if none is given.
    pub(super) name: Option<&'static str>,
}

/// What an attribute is.
#[derive(Clone, Copy)]
pub(super) enum Attribute {
    /// The physical id.
    Id,
    /// The value of a property.
    Property(&'static str),
    /// A member of what the operation answered.
    Answer(&'static str),
    /// A prefix and a number.
    Numbered(&'static str),
    /// This.
    Text(&'static str),
    /// An ARN: service, whether it has a region, resource with the physical id in place of `{}`.
    Arn(&'static str, bool, &'static str),
    /// The ARN of a bucket, which has no account.
    BucketArn,
    /// The default security group of a VPC.
    DefaultGroup,
    /// Where nothing is: a host under a name that resolves nowhere.
    Nowhere,
}

/// Type of a stack in a stack.
pub(super) const STACK: &str = "AWS::CloudFormation::Stack";

pub(super) fn of(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// What is made of a resource.
pub(super) struct Resource {
    pub(super) id: String,
    pub(super) attributes: Value,
}

/// The resource that is to be made.
pub(super) struct Wanted<'w> {
    pub(super) stack_name: &'w str,
    pub(super) stack_id: &'w str,
    pub(super) logical: &'w str,
    pub(super) properties: &'w Value,
}

use Attribute::{Answer, Arn, BucketArn, DefaultGroup, Id, Nowhere, Numbered, Property, Text};

impl Kind {
    /// What it takes at AWS.
    pub(super) fn takes(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Whether a change of other properties than tags can only be kept by the stack, and would not happen.
    pub(super) fn is_real(&self) -> bool {
        matches!(self.made, Made::Really(_) | Made::By(_))
    }

    /// Makes a resource. The error is the reason that its event gives.
    pub(super) fn make(&self, account: &mut Account, region: &str, wanted: &Wanted<'_>) -> Result<Resource, String> {
        let text = |name: &str| wanted.properties[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let mut answer = Value::Null;
        let id = match &self.made {
            Made::Really(calls) => {
                let (id, said) = calls.make(account, region, wanted)?;
                answer = said;
                id
            }
            Made::By(maker) => (maker.make)(account, region, wanted)?,
            Made::Numbered(prefix) => account.new_id(prefix),
            Made::Named("BucketName") => {
                text("BucketName").unwrap_or_else(|| generated(account, wanted).to_lowercase())
            }
            Made::Named(property) => text(property).unwrap_or_else(|| generated(account, wanted)),
            Made::Joined(properties, between) => {
                let parts = properties.iter().map(|name| text(name));
                let parts: Vec<String> = parts.map(|part| part.unwrap_or_else(|| generated(account, wanted))).collect();
                parts.join(between)
            }
            Made::Arn(service, resource, property) => {
                let name = text(property).unwrap_or_else(|| generated(account, wanted));
                let region = if *service == "iam" { "" } else { region };
                account.arn(service, region, &resource.replace("{}", &name))
            }
            Made::Nested => return Err("a stack is made by its parent".to_owned()),
        };
        let mut attributes = Map::new();
        for (name, attribute) in self.attributes {
            let value = match *attribute {
                Id => id.clone().into(),
                Property(name) => wanted.properties[name].clone(),
                Answer(pointer) => answer.pointer(pointer).cloned().unwrap_or_default(),
                Numbered(prefix) => account.new_id(prefix).into(),
                BucketArn => format!("arn:aws:s3:::{id}").into(),
                Text(text) => text.into(),
                Arn(service, regional, resource) => {
                    account.arn(service, if regional { region } else { "" }, &resource.replace("{}", &id)).into()
                }
                DefaultGroup => default_group(account, region, &id),
                Nowhere => format!("https://{:016x}.{region}.sandbox.invalid", account.random.next()).into(),
            };
            attributes.insert((*name).to_owned(), value);
        }
        Ok(Resource { id, attributes: attributes.into() })
    }

    /// Deletes a resource. One that is gone already is no failure.
    pub(super) fn delete(&self, account: &mut Account, region: &str, id: &str) -> Result<(), String> {
        let calls = match &self.made {
            Made::Really(calls) => calls,
            Made::By(maker) => {
                (maker.delete)(account, region, id);
                return Ok(());
            }
            _ => return Ok(()),
        };
        let name = if calls.by.ends_with('s') { json!([id]) } else { json!(id) };
        match within(account, region, calls.service, calls.delete, json!({ calls.by: name })) {
            Err(refusal) if !refusal.code.contains("NotFound") => Err(said(calls.service, &refusal, account)),
            _ => Ok(()),
        }
    }
}

impl Calls {
    fn make(&self, account: &mut Account, region: &str, wanted: &Wanted<'_>) -> Result<(String, Value), String> {
        let mut input = self.input(wanted);
        if let Some(name) = self.name.filter(|name| input.get(*name).is_none()) {
            input.insert(name.to_owned(), generated(account, wanted).into());
        }
        if let Some(kind) = self.tagged {
            input.insert("TagSpecifications".to_owned(), json!([{ "ResourceType": kind, "Tags": tags(wanted) }]));
        }
        let made = within(account, region, self.service, self.create, input.into());
        let answer = made.map_err(|refusal| said(self.service, &refusal, account))?;
        let id = answer.pointer(self.id).and_then(Value::as_str).unwrap_or_default().to_owned();
        for (property, operation) in [
            ("SecurityGroupIngress", "AuthorizeSecurityGroupIngress"),
            ("SecurityGroupEgress", "AuthorizeSecurityGroupEgress"),
        ] {
            let rules: Vec<Value> = wanted.properties[property].as_array().into_iter().flatten().map(rule).collect();
            if rules.is_empty() || self.create != GROUP.create {
                continue;
            }
            let input = json!({ "GroupId": id, "IpPermissions": rules });
            let added = within(account, region, "ec2", operation, input);
            if let Err(refusal) = added
                && refusal.code != "InvalidPermission.Duplicate"
            {
                let reason = said("ec2", &refusal, account);
                // What was made goes with what could not be.
                drop(within(account, region, self.service, self.delete, json!({ self.by: id })));
                return Err(reason);
            }
        }
        Ok((id, answer))
    }

    /// The properties that the operation knows, as it takes them.
    fn input(&self, wanted: &Wanted<'_>) -> Map<String, Value> {
        let mut input = Map::new();
        let service = catalogue::service(self.service).ok();
        let structure = service.and_then(|service| service.structure(service.operation(self.create)?.input?));
        let (Some(service), Some(structure)) = (service, structure) else { return input };
        for (name, value) in wanted.properties.as_object().into_iter().flatten() {
            let called =
                self.renamed.iter().find(|(property, _)| property == name).map_or(name.as_str(), |(_, called)| called);
            let Some(member) = structure.members.iter().find(|member| member.name == called) else { continue };
            // Parameters are texts, whatever they stand for.
            let value = match (&service.shape(member.shape).kind, value.as_str()) {
                (Shape::Integer(_) | Shape::Long(_), Some(text)) => {
                    text.parse::<i64>().map_or_else(|_| value.clone(), Value::from)
                }
                (Shape::Boolean, Some(text)) => text.parse::<bool>().map_or_else(|_| value.clone(), Value::from),
                _ => value.clone(),
            };
            input.insert(called.to_owned(), value);
        }
        if self.create == INSTANCE.create {
            input.insert("MinCount".to_owned(), 1.into());
            input.insert("MaxCount".to_owned(), 1.into());
        }
        input
    }
}

/// A rule of a security group as the operations take it.
fn rule(rule: &Value) -> Value {
    let number = |name: &str| rule[name].as_i64().or_else(|| rule[name].as_str()?.parse().ok());
    let protocol = super::functions::plain(&rule["IpProtocol"]).unwrap_or_else(|| "-1".to_owned());
    let mut permission = json!({ "IpProtocol": protocol });
    for name in ["FromPort", "ToPort"] {
        if let Some(port) = number(name) {
            permission[name] = port.into();
        }
    }
    if let Some(block) = rule["CidrIp"].as_str() {
        permission["IpRanges"] = json!([{ "CidrIp": block }]);
    }
    if let Some(group) = rule["SourceSecurityGroupId"].as_str().or_else(|| rule["DestinationSecurityGroupId"].as_str())
    {
        permission["UserIdGroupPairs"] = json!([{ "GroupId": group }]);
    }
    permission
}

/// The tags of a resource, and those by which its stack is known.
fn tags(wanted: &Wanted<'_>) -> Vec<Value> {
    let own = wanted.properties["Tags"].as_array().cloned().unwrap_or_default();
    let of_stack = [
        ("aws:cloudformation:stack-name", wanted.stack_name),
        ("aws:cloudformation:stack-id", wanted.stack_id),
        ("aws:cloudformation:logical-id", wanted.logical),
    ];
    own.into_iter().chain(of_stack.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value }))).collect()
}

fn default_group(account: &Account, region: &str, vpc: &str) -> Value {
    let is = |row: &&Value| row["VpcId"] == vpc && row["GroupName"] == "default";
    account.rows(region, Table::SecurityGroups).find(is).map(|row| row["GroupId"].clone()).unwrap_or_default()
}

/// `stack-Resource-AB12CD34EF56`
pub(super) fn generated(account: &mut Account, wanted: &Wanted<'_>) -> String {
    format!("{}-{}-{:012X}", wanted.stack_name, wanted.logical, account.random.next() >> 16)
}

/// A refusal in the words of an event.
pub(super) fn said(service: &str, refusal: &Refusal, account: &mut Account) -> String {
    let name = format!("{}{}", service[..1].to_ascii_uppercase(), &service[1..]);
    let code = match refusal.status {
        404 => "NotFound",
        _ if refusal.code.contains("NotFound") => "NotFound",
        _ if refusal.code.contains("Limit") => "ServiceLimitExceeded",
        _ if refusal.code.contains("Exist") || refusal.code.contains("Duplicate") => "AlreadyExists",
        _ => "InvalidRequest",
    };
    format!(
        "Resource handler returned message: \"{} (Service: {name}, Status Code: {}, Request ID: {})\" (RequestToken: {}, \
         HandlerErrorCode: {code})",
        refusal.message.trim_end_matches('.'),
        refusal.status,
        account.random.uid(),
        account.random.uid()
    )
}
