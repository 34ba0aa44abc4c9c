//! Nodes and pods as the Kubernetes API gives them, read once into what matters here.

mod json;
mod marks;
mod node;
mod pod;
mod resources;

pub use marks::{BindPhase, Marks};
pub use node::{Node, NodeHandshake, NodeLock, RegisteredDevices, Taint};
pub use pod::{Container, ContainerKind, Grant, Owner, Phase, Pod};
pub use resources::Load;

pub(crate) use json::{flag, list, text, texts};
