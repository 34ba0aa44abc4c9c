//! Why a pod waits, and the smallest change that would let it run.

mod ask;
mod card;
mod change;
mod events;
mod judge;
mod knob;
mod node;
mod reason;
mod wait;

pub use ask::{ContainerAsk, DeviceAsk, MemoryAsk, PodAsk};
pub use change::{Change, Remedy, WaitFor};
pub use events::{NodeEvent, parse_event};
pub use judge::{PodObstacle, ReasonCount, Surroundings, Verdict, WhyPending};
pub use reason::{CardReason, NodeReason};
