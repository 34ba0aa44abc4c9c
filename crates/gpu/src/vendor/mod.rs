//! One file a vendor: what HAMi calls it, where it announces its devices, and how it counts them.

mod amd;
mod ascend;
mod backend;
mod biren;
mod cambricon;
mod capacity;
mod enflame;
mod hygon;
mod iluvatar;
mod indexes;
mod kunlun;
mod metax;
mod mthreads;
mod neuron;
mod nvidia;
mod plain;
mod registry;
mod vastai;

pub use ascend::AscendRuntimeDevice;
pub use backend::{Backend, CoreUnit, Inventory, MemoryUnit, QuotaKinds, Resources, Selectors, Vendor};
pub use cambricon::CambriconProfile;
pub use capacity::Capacity;
pub use enflame::EnflameSlice;
pub use indexes::decode_indexes;
pub use metax::MetaxRuntimeDevice;
pub use plain::{PlainResource, plain_resource};
pub use registry::{Backends, ResourceRole, VendorRow};
pub(crate) use registry::{allocated_word, register_word, unknown as unknown_backend};

pub(crate) use ascend::backend as ascend_backend;
pub(crate) use iluvatar::backend as iluvatar_backend;
