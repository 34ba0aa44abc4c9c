//! The endpoint rules of a service, as data.
//!
//! Names are resolved to slots when the catalogue is made: parameters take the first slots in the order of
//! [`RuleSet::parameters`], variables that conditions assign take the ones after.

use serde::{Deserialize, Serialize};

use crate::catalogue::model::ContextValue;

/// Position of a parameter or variable during evaluation.
pub type Slot = u16;

/// The rules of one service.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct RuleSet<'a> {
    /// What the rules ask about a call.
    #[serde(borrow)]
    pub parameters: Vec<Parameter<'a>>,
    /// Slots in all: parameters and variables.
    pub slots: Slot,
    /// Tried in order.
    pub rules: Vec<Rule<'a>>,
}

/// One question that the rules ask about a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Parameter<'a> {
    /// `Region`, `UseFIPS`, `Bucket`.
    pub name: &'a str,
    /// Setting of the client that answers it: `AWS::Region`, `SDK::Endpoint`.
    pub built_in: Option<&'a str>,
    /// Must be answered.
    pub required: bool,
    /// The answer when nobody gives one.
    pub default: Option<ContextValue<'a>>,
}

/// One rule: if every condition holds, its outcome counts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rule<'a> {
    /// Checked in order; the first that fails ends the rule.
    #[serde(borrow)]
    pub conditions: Vec<Condition<'a>>,
    /// What follows.
    pub outcome: Outcome<'a>,
}

/// A question whose answer must be neither false nor absent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Condition<'a> {
    /// The question.
    #[serde(borrow)]
    pub test: Expression<'a>,
    /// Where the answer is kept for later.
    pub assign: Option<Slot>,
}

/// What a rule leads to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Outcome<'a> {
    /// More rules.
    #[serde(borrow)]
    Rules(Vec<Rule<'a>>),
    /// An address.
    Endpoint(Box<Template<'a>>),
    /// The call is impossible, and why.
    Error(Expression<'a>),
}

/// An address with holes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Template<'a> {
    /// Its URL.
    #[serde(borrow)]
    pub url: Expression<'a>,
    /// Headers that go with it.
    pub headers: Vec<(&'a str, Vec<Expression<'a>>)>,
    /// Signatures that it accepts, the best first.
    pub auth_schemes: Vec<SchemeTemplate<'a>>,
}

/// A way to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheme {
    /// Signature version 4.
    SigV4,
    /// Signature version 4A.
    SigV4a,
    /// Signature version 4 with a session that S3 gives for one directory bucket.
    S3Express,
}

/// A way to sign, with holes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SchemeTemplate<'a> {
    /// Which way.
    pub scheme: Scheme,
    /// Service name in the credential scope.
    #[serde(borrow)]
    pub signing_name: Option<Expression<'a>>,
    /// Region in the credential scope.
    pub signing_region: Option<Expression<'a>>,
    /// Regions of a version 4A signature.
    pub signing_region_set: Vec<Expression<'a>>,
    /// The path is encoded once, not twice, before it is signed.
    pub disable_double_encoding: bool,
}

/// Something with a value.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Expression<'a> {
    /// A string as it stands.
    Text(&'a str),
    /// A truth value.
    Bool(bool),
    /// A string with holes.
    #[serde(borrow)]
    Template(Vec<Part<'a>>),
    /// What a slot holds.
    Slot(Slot),
    /// Part of a value.
    Attribute(Box<Expression<'a>>, Vec<Step<'a>>),
    /// There is a value.
    IsSet(Box<Expression<'a>>),
    /// The opposite.
    Not(Box<Expression<'a>>),
    /// Both strings are the same.
    StringEquals(Box<Expression<'a>>, Box<Expression<'a>>),
    /// Both truth values are the same.
    BooleanEquals(Box<Expression<'a>>, Box<Expression<'a>>),
    /// Characters of an ASCII string, counted from its end if `reverse`; absent if it is too short.
    Substring {
        /// The string.
        input: Box<Expression<'a>>,
        /// First character.
        start: u32,
        /// Character after the last.
        stop: u32,
        /// Count from the end.
        reverse: bool,
    },
    /// Percent-encoded string.
    UriEncode(Box<Expression<'a>>),
    /// Parts of a URL; absent if it is none.
    ParseUrl(Box<Expression<'a>>),
    /// May stand in a host name; with `true`, several labels may.
    IsValidHostLabel(Box<Expression<'a>>, bool),
    /// The partition that a region belongs to.
    Partition(Box<Expression<'a>>),
    /// Parts of an ARN; absent if it is none.
    ParseArn(Box<Expression<'a>>),
    /// A bucket of that name can stand in a host name; with `true`, dots are allowed.
    IsVirtualHostableBucket(Box<Expression<'a>>, bool),
}

/// Piece of a string with holes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Part<'a> {
    /// As it stands.
    Text(&'a str),
    /// What a slot, or a part of it, holds.
    Hole(Slot, Vec<Step<'a>>),
}

/// One step into a value.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Step<'a> {
    /// A named part.
    Field(&'a str),
    /// An item of a list.
    Index(u32),
}
