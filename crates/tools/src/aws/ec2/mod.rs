//! EC2, noun by noun.

pub(crate) mod attributes;
pub(crate) mod capacity;
pub(crate) mod commands;
pub(crate) mod details;
pub(crate) mod gpu_images;
pub(in crate::aws) mod hardware;
pub(crate) mod images;
pub(crate) mod instances;
pub(crate) mod key_pairs;
pub(crate) mod launch;
pub(crate) mod launch_templates;
pub(crate) mod lifecycle;
pub(crate) mod prices;
pub(crate) mod security_groups;
pub(crate) mod spot;
pub(in crate::aws) mod tagged;
pub(crate) mod tags;
pub(crate) mod types;
pub(crate) mod user_data;

pub use hardware::InstanceTypes;
