//! The values that HAMi leaves in annotations, decoded and, where HAMi encodes them, encoded again.

mod container;
mod fields;
mod handshake;
mod json;
mod lock;
mod mig;
mod register;
mod score;
mod text;

pub use container::{ContainerDevice, decode_containers, encode_containers};
pub use handshake::{Handshake, HandshakeState};
pub use json::encode as encode_json;
pub use lock::{Lock, LockState};
pub use mig::{Geometry, GeometrySlot, MigAllocation, MigInstance, MigProfile, MigSlot, Placement};
pub use register::{Device, decode_register};
pub use score::{PairScores, decode_scores};
pub use text::encode as encode_text;

pub(crate) use fields::Fields;
pub(crate) use mig::ALLOCATIONS as MIG_ALLOCATIONS;
