//! HAMi's own configuration, as its chart puts it into ConfigMaps. Their names depend on the release; their labels do not.

mod backends;
mod device;
mod plugin;
mod scheduler;

pub use device::{
    AscendChip, AscendTemplate, DeviceConfig, EnflameNames, IluvatarChip, KunlunNames, MetaxNames, MigAllowance, Names,
    NvidiaConfig, Vnpus,
};
pub use plugin::{FilteredDevices, NodeOverride, PluginConfig};
pub use scheduler::{SchedulerConfig, scheduler_config};

use serde_json::Value;

use crate::error::{DecodeError, Result};

/// Label selector of the ConfigMaps that belong to the scheduler.
pub const SCHEDULER_SELECTOR: &str = "app.kubernetes.io/component=hami-scheduler";
/// Label selector of the ConfigMap that belongs to the device plugin.
pub const PLUGIN_SELECTOR: &str = "app.kubernetes.io/component=hami-device-plugin";
/// The key of a ConfigMap with [`DeviceConfig`].
pub const DEVICE_KEY: &str = "device-config.yaml";
/// The keys of a ConfigMap with [`SchedulerConfig`], the second before Kubernetes 1.22.
pub const SCHEDULER_KEYS: [&str; 2] = ["config.yaml", "config.json"];
/// The key of a ConfigMap with [`PluginConfig`].
pub const PLUGIN_KEY: &str = "config.json";
/// The name under which HAMi's scheduler is asked for, unless its configuration says otherwise.
pub const SCHEDULER_NAME: &str = "hami-scheduler";

/// A ConfigMap holds at most this many bytes.
const MOST_BYTES: usize = 1 << 20;

/// A YAML or JSON document as JSON.
pub fn document(text: &str) -> Result<Value> {
    if text.len() > MOST_BYTES {
        return Err(DecodeError::new("longer than a ConfigMap can be"));
    }
    // The reader has a budget for nesting, anchors and repetition; its message names line and column.
    serde_saphyr::from_str(text).map_err(|error| {
        let message = error.to_string();
        DecodeError::new(format!("not YAML: {}", message.lines().next().unwrap_or_default()))
    })
}
