//! A tool with its type forgotten, so that all of them fit in one list.

use std::panic::Location;

use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::{
    Error, Result,
    access::{Access, Changes, Destroys, Effect, Reads, Reveals},
    answer::{Answer, Output},
    impact::{Foreseen, Plan},
    loss::Loss,
    permit::Permit,
    schema,
    tool::{BoxFuture, Call, Context, Preview, Target, Tool},
};

/// One listed tool.
pub struct ToolDef<C: Context> {
    /// Name in the list.
    pub name: &'static str,
    /// Older and dotted names that a call may use. Never listed.
    pub former: &'static [&'static str],
    /// Names of narrower calls that are this one with some arguments given, as JSON text. Never listed.
    pub presets: &'static [(&'static str, &'static str)],
    /// How its answer is laid out.
    pub envelope: Envelope,
    /// The listed tool spends money, by its nature.
    pub spends: bool,
    /// Where in the source it is listed.
    pub listed_at: &'static Location<'static>,
    /// What is behind the name.
    pub behind: Behind<C>,
}

/// What is behind a listed name.
pub enum Behind<C: Context> {
    /// One call.
    One(CallDef<C>),
    /// An older tool whose argument `operation` picks one of several calls, each with its own access.
    ByOperation {
        /// Description of the whole.
        about: &'static str,
        /// The calls, named for the values of `operation`.
        calls: &'static [CallDef<C>],
    },
    /// One set of parameters whose effect only the arguments tell.
    ByEffect {
        /// What these arguments would do.
        needs: fn(&Value) -> Result<Needs>,
        /// The same parameters at each access, in ascending order.
        calls: &'static [CallDef<C>],
    },
}

/// What a call would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// To the world.
    pub effect: Effect,
    /// A change whose answer holds a secret besides.
    pub reveals: bool,
    /// It costs money.
    pub spends: bool,
}

/// How an answer is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// As the tool gives it.
    Plain,
    /// Under `result`, with `isError` and `content` inside: the layout of the older HyperPod server.
    Result,
}

/// One call with its type forgotten.
pub struct CallDef<C: Context> {
    /// Name in the list, or value of `operation`.
    pub name: &'static str,
    /// Arguments that work, as JSON text.
    pub example: &'static str,
    /// What it does to the world.
    pub effect: Effect,
    /// Schema of its arguments, in the subset that every client takes.
    pub input: fn() -> Value,
    /// Schema of its answer.
    pub output: fn() -> Value,
    /// For one of several calls behind an older tool: arguments with which the other call of its name is meant, which
    /// does more.
    pub unless: Option<fn(&Value) -> bool>,
    decode: fn(Value) -> Result<Box<dyn Decoded<C>>>,
}

/// Arguments that have become a call.
pub trait Decoded<C: Context>: Send + Sync {
    /// What it is aimed at, for calls that change something.
    fn target(&self) -> Option<Target>;
    /// What would happen, for calls that change something.
    fn plan<'a>(&'a self, context: &'a C, call: &Call) -> Option<BoxFuture<'a, Result<Foreseen>>>;
    /// What is lost, as far as the arguments tell; `None` where only the plan does.
    fn loss(&self) -> Option<Loss>;
    /// Does it.
    fn run<'a>(self: Box<Self>, context: &'a C, call: &Call, permit: Permit) -> BoxFuture<'a, Result<Answer>>
    where
        Self: 'a;
}

struct ReadCall<T>(T);
struct ChangeCall<T>(T);

async fn answer<C: Context, T: Tool<C>>(tool: T, cx: C::At<T::Access>) -> Result<Answer> {
    tool.run(cx).await?.into_answer()
}

impl<C: Context, T: Tool<C>> Decoded<C> for ReadCall<T> {
    fn target(&self) -> Option<Target> {
        None
    }

    fn plan<'a>(&'a self, _: &'a C, _: &Call) -> Option<BoxFuture<'a, Result<Foreseen>>> {
        None
    }

    fn loss(&self) -> Option<Loss> {
        Some(Loss::NONE)
    }

    fn run<'a>(self: Box<Self>, context: &'a C, call: &Call, permit: Permit) -> BoxFuture<'a, Result<Answer>>
    where
        Self: 'a,
    {
        permit.spend(<T::Access as Access>::EFFECT);
        Box::pin(answer::<C, T>(self.0, context.at(call)))
    }
}

impl<C: Context, T: Preview<C>> Decoded<C> for ChangeCall<T> {
    fn target(&self) -> Option<Target> {
        Some(self.0.target())
    }

    fn plan<'a>(&'a self, context: &'a C, call: &Call) -> Option<BoxFuture<'a, Result<Foreseen>>> {
        let cx = context.at::<Reads>(call);
        Some(Box::pin(async move { self.0.plan(cx).await?.foreseen() }))
    }

    fn loss(&self) -> Option<Loss> {
        self.0.loss()
    }

    fn run<'a>(self: Box<Self>, context: &'a C, call: &Call, permit: Permit) -> BoxFuture<'a, Result<Answer>>
    where
        Self: 'a,
    {
        permit.spend(<T::Access as Access>::EFFECT);
        Box::pin(answer::<C, T>(self.0, context.at(call)))
    }
}

fn input<T: JsonSchema>() -> Value {
    schema::tidy(schema_of::<T>(schemars::generate::SchemaSettings::for_deserialize))
}

fn output<T: JsonSchema>() -> Value {
    schema::tidy(schema_of::<T>(schemars::generate::SchemaSettings::for_serialize))
}

fn schema_of<T: JsonSchema>(
    contract: fn(schemars::generate::SchemaSettings) -> schemars::generate::SchemaSettings,
) -> Schema {
    let mut settings = contract(schemars::generate::SchemaSettings::draft2020_12());
    // Some clients do not follow references.
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    settings.into_generator().into_root_schema_for::<T>()
}

fn decode<T: serde::de::DeserializeOwned>(arguments: Value) -> Result<T> {
    serde_json::from_value(arguments).map_err(|error| Error::validation(error.to_string()))
}

impl<C: Context> CallDef<C> {
    const fn of_read<T: Tool<C>>() -> Self {
        Self {
            name: T::NAME,
            example: T::EXAMPLE,
            effect: <T::Access as Access>::EFFECT,
            input: input::<T>,
            output: output::<<T::Output as Output>::Schema>,
            unless: None,
            decode: |arguments| Ok(Box::new(ReadCall(decode::<T>(arguments)?))),
        }
    }

    const fn of_change<T: Preview<C>>() -> Self {
        Self { decode: |arguments| Ok(Box::new(ChangeCall(decode::<T>(arguments)?))), ..Self::of_read::<T>() }
    }

    /// A call that reads.
    pub const fn reads<T: Tool<C, Access = Reads>>() -> Self {
        Self::of_read::<T>()
    }

    /// A call that shows secrets or content of others.
    pub const fn reveals<T: Tool<C, Access = Reveals>>() -> Self {
        Self::of_read::<T>()
    }

    /// A call that makes or alters something.
    pub const fn changes<T: Preview<C, Access = Changes>>() -> Self {
        Self::of_change::<T>()
    }

    /// A call that cannot be undone.
    pub const fn destroys<T: Preview<C, Access = Destroys>>() -> Self {
        Self::of_change::<T>()
    }

    /// Means the other call of its name where the arguments are such.
    #[must_use]
    pub const fn unless(mut self, so: fn(&Value) -> bool) -> Self {
        self.unless = Some(so);
        self
    }

    /// Turns arguments into a call.
    pub fn decode(&self, arguments: Value) -> Result<Box<dyn Decoded<C>>> {
        (self.decode)(arguments)
    }
}

impl<C: Context> ToolDef<C> {
    #[track_caller]
    const fn new(name: &'static str, behind: Behind<C>) -> Self {
        Self {
            name,
            former: &[],
            presets: &[],
            envelope: Envelope::Plain,
            spends: false,
            listed_at: Location::caller(),
            behind,
        }
    }

    /// A tool that reads.
    #[track_caller]
    pub const fn reads<T: Tool<C, Access = Reads>>() -> Self {
        Self::new(T::NAME, Behind::One(CallDef::reads::<T>()))
    }

    /// A tool that shows secrets or content of others.
    #[track_caller]
    pub const fn reveals<T: Tool<C, Access = Reveals>>() -> Self {
        Self::new(T::NAME, Behind::One(CallDef::reveals::<T>()))
    }

    /// A tool that makes or alters something.
    #[track_caller]
    pub const fn changes<T: Preview<C, Access = Changes>>() -> Self {
        Self::new(T::NAME, Behind::One(CallDef::changes::<T>()))
    }

    /// A tool whose work cannot be undone.
    #[track_caller]
    pub const fn destroys<T: Preview<C, Access = Destroys>>() -> Self {
        Self::new(T::NAME, Behind::One(CallDef::destroys::<T>()))
    }

    /// An older tool whose argument `operation` picks one of several calls.
    #[track_caller]
    pub const fn by_operation(name: &'static str, about: &'static str, calls: &'static [CallDef<C>]) -> Self {
        Self::new(name, Behind::ByOperation { about, calls })
    }

    /// A tool whose effect only its arguments tell: the same parameters at each access.
    #[track_caller]
    pub const fn by_effect(
        name: &'static str,
        needs: fn(&Value) -> Result<Needs>,
        calls: &'static [CallDef<C>],
    ) -> Self {
        Self::new(name, Behind::ByEffect { needs, calls })
    }

    /// Names that it had before, or that other servers give it.
    #[must_use]
    pub const fn formerly(mut self, names: &'static [&'static str]) -> Self {
        self.former = names;
        self
    }

    /// Names that other servers give to this call with some arguments fixed: each with those arguments, as JSON text.
    #[must_use]
    pub const fn also(mut self, presets: &'static [(&'static str, &'static str)]) -> Self {
        self.presets = presets;
        self
    }

    /// Every name that a call may use, the listed one first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let others = self.former.iter().copied().chain(self.presets.iter().map(|(name, _)| *name));
        std::iter::once(self.name).chain(others)
    }

    /// The arguments that a name stands for.
    pub fn preset(&self, name: &str) -> Option<&'static str> {
        self.presets.iter().find(|(preset, _)| *preset == name).map(|(_, arguments)| *arguments)
    }

    /// Lays its answer out as the older HyperPod server did.
    #[must_use]
    pub const fn under_result(mut self) -> Self {
        self.envelope = Envelope::Result;
        self
    }

    /// Says that it spends money.
    #[must_use]
    pub const fn spending(mut self) -> Self {
        self.spends = true;
        self
    }

    /// Every call behind the name.
    pub fn calls(&self) -> &[CallDef<C>] {
        match &self.behind {
            Behind::One(call) => std::slice::from_ref(call),
            Behind::ByOperation { calls, .. } | Behind::ByEffect { calls, .. } => calls,
        }
    }

    /// The least that any call behind the name does.
    pub fn least(&self) -> Effect {
        self.calls().iter().map(|call| call.effect).min().unwrap_or(Effect::Destroys)
    }

    /// The most that any call behind the name does.
    pub fn most(&self) -> Effect {
        self.calls().iter().map(|call| call.effect).max().unwrap_or(Effect::Destroys)
    }

    /// Description and schema of the arguments, as a client lists them.
    pub fn input(&self) -> Value {
        match &self.behind {
            Behind::One(call) => (call.input)(),
            Behind::ByEffect { calls, .. } => (calls[0].input)(),
            Behind::ByOperation { about, calls } => {
                schema::merge(about, calls.iter().map(|call| (call.name, (call.input)())))
            }
        }
    }
}

/// How much of a toolset is offered when nothing else is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// All of it.
    All,
    /// The tools that only read.
    Reads,
    /// These tools.
    Tools(&'static [&'static str]),
    /// None of it.
    Nothing,
}

/// Tools that are switched on and off together.
pub struct Toolset<C: Context> {
    /// Name on the command line.
    pub name: &'static str,
    /// What it is for, in one line.
    pub about: &'static str,
    /// What of it is offered when nothing else is asked for.
    pub by_default: Offer,
    /// Its tools, noun by noun.
    pub nouns: &'static [&'static [ToolDef<C>]],
}
