//! What a tool is. No HTTP, AWS, Kubernetes, protocol or runtime here.
//!
//! A tool is a struct: its fields are the parameters, its doc comment is the description, its [`Tool`] impl says what
//! it may do and does it. [`ToolDef`] forgets the type so that all tools fit in one list; the [`Permit`] that running
//! one takes is granted by dispatch alone.

mod access;
mod answer;
mod definition;
mod error;
mod facts;
mod guide;
mod impact;
mod loss;
mod nearest;
mod others;
mod page;
mod permit;
mod picture;
mod schema;
mod tool;

pub use access::{Access, Ceiling, Changes, Covers, Destroys, Effect, MayChange, Reads, Reveals};
pub use answer::{Answer, Headed, Json, Listing, ListingSchema, Output, PageMark};
pub use definition::{Behind, CallDef, Decoded, Envelope, Needs, Offer, ToolDef, Toolset};
pub use error::{Error, ErrorKind, Result};
pub use facts::{Found, Inquiry};
pub use guide::{Completion, Guide, Prompt, PromptArgument, Reading};
pub use impact::{Amount, Count, Foreseen, Impact, Plan, Weighed};
pub use loss::{Losing, Loss, Things};
pub use nearest::nearest;
pub use others::{OTHERS, Others, declare_others, free_text, reads_like_a_sentence};
pub use page::{Cursor, DEFAULT_LIMIT, MAX_LIMIT, Place};
pub use permit::Permit;
pub use picture::{Picture, Pictured};
pub use tool::{BoxFuture, Call, Context, Preview, Progress, Target, Tool, Unheard};
