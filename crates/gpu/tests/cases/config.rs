//! HAMi's configuration, as its chart writes it.

use serde_json::json;
use trainyard_gpu::{
    Options,
    config::{DeviceConfig, PluginConfig, scheduler_config},
    vendor::MemoryUnit,
};

use crate::cluster::{annotated, fleet_with, node, nvidia_node, waiting};

const CONFIG: &str = r#"
nvidia:
  resourceCountName: acme.com/vgpu
  resourceMemoryName: acme.com/vgpumem
  resourceMemoryPercentageName: acme.com/vgpumem-percentage
  resourceCoreName: acme.com/vgpucores
  resourcePriorityName: acme.com/priority
  overwriteEnv: false
  defaultMemory: 0
  defaultCores: 0
  defaultGPUNum: 2
  memoryFactor: 1024
  deviceSplitCount: 10
  deviceMemoryScaling: 1.5
  gpuCorePolicy: default
  runtimeClassName: ""
  migProfileAllowlist:
  - models: [ "A30" ]
    profiles: [ "1g.6gb", "2g.12gb" ]
cambricon:
  resourceCountName: cambricon.com/vmlu
metax:
  resourceCountName: "metax-tech.com/gpu"
  resourceVCountName: acme.com/sgpu
  sgpuTopologyAware: true
enflame:
  resourceNameVGCU: enflame.com/vgcu
  resourceNameVGCUPercentage: enflame.com/vgcu-percentage
kunlun:
iluvatars:
- chipName: XX-V1
  commonWord: XX-V1
  resourceCountName: iluvatar.ai/XX-V1-vgpu
vnpus:
  hamiVnpuCore: true
  configs:
  - chipName: 910B3
    commonWord: Ascend910B3
    resourceName: huawei.com/Ascend910B3
    memoryAllocatable: 65536
    memoryFactor: 2
    aiCore: 20
    templates:
      - name: vir05_1c_16g
        memory: 16384
        aiCore: 5
"#;

#[test]
fn every_section_gives_its_names() {
    let config = DeviceConfig::parse(CONFIG).unwrap();
    assert_eq!(config.nvidia.mig_profile_allowlist[0].profiles.len(), 2);
    assert_eq!(config.vnpus.configs[0].templates[0].memory, 16384);
    assert!(config.vnpus.hami_vnpu_core && config.metax.topology_aware.unwrap());
    let backends = config.backends();
    let of = |word: &str| backends.by_word(word).unwrap();
    assert_eq!(of("NVIDIA").resources.count, "acme.com/vgpu");
    assert_eq!(of("NVIDIA").memory_unit, MemoryUnit::Mib(1024));
    assert_eq!(of("Metax-SGPU").resources.count, "acme.com/sgpu");
    assert_eq!(of("Metax-GPU").resources.count, "metax-tech.com/gpu");
    assert_eq!(of("Enflame").resources.count, "enflame.com/vgcu");
    assert_eq!(of("Ascend910B3").memory_unit, MemoryUnit::Mib(2));
    assert_eq!(of("XX-V1").register_key(), Some("hami.io/node-XX-V1-register"));
    // Lists are whole: a chip that is not in them is not there.
    assert!(backends.by_word("Ascend910A").is_none() && backends.by_word("MR-V100").is_none());
    // What the file does not name stays as it is.
    assert_eq!(of("MLU").memory_unit, MemoryUnit::Mib(256));
    assert_eq!(of("AMD").resources.count, "amd.com/gpu");
}

#[test]
fn older_releases_have_the_chips_directly() {
    let config =
        DeviceConfig::parse("vnpus:\n- commonWord: Ascend310P\n  resourceName: huawei.com/Ascend310P\n").unwrap();
    assert_eq!(config.vnpus.configs[0].common_word, "Ascend310P");
    assert!(!config.vnpus.hami_vnpu_core);
    assert_eq!(DeviceConfig::parse("vnpus:\n").unwrap().vnpus.configs, []);
    let old = "nvidia:\n  knownMigGeometries:\n  - models: [A30]\n    allowedGeometries:\n    - - name: 1g.6gb\n        memory: 6144\n";
    assert_eq!(DeviceConfig::parse(old).unwrap().nvidia.known_mig_geometries.len(), 1);
}

#[test]
fn a_renamed_resource_is_understood_with_its_factor() {
    let backends = DeviceConfig::parse(CONFIG).unwrap().backends();
    let fleet = fleet_with(
        backends,
        Options::default(),
        &[nvidia_node("one", 1)],
        &[waiting("pod", json!({ "acme.com/vgpu": "1", "acme.com/vgpumem": "4" }))],
    );
    let row = fleet.pod_row(&fleet.pods[0]);
    assert_eq!(row.containers[0].requested[0].memory_mib, Some(4096));
    assert_eq!(row.containers[0].requested[0].count, Some(1));
}

#[test]
fn a_new_chip_of_the_configuration_is_read_from_its_nodes() {
    let backends = DeviceConfig::parse(CONFIG).unwrap().backends();
    let node = annotated(node("one"), "hami.io/node-XX-V1-register", "xx-0,10,8192,100,XX-V1,0,true:");
    let fleet = fleet_with(backends, Options::default(), &[node], &[]);
    assert_eq!(fleet.nodes[0].cards[0].vendor.as_str(), "iluvatar");
    assert!(fleet.nodes[0].node.notes.is_empty());
}

#[test]
fn what_is_no_configuration_is_refused_with_the_place() {
    let error = DeviceConfig::parse("nvidia: [").unwrap_err().to_string();
    assert!(error.starts_with("not YAML"), "{error}");
    let error = DeviceConfig::parse("nvidia:\n  memoryFactor: many\n").unwrap_err().to_string();
    assert!(error.contains("not HAMi's device configuration"), "{error}");
}

#[test]
fn schedulers_and_what_they_manage() {
    let new = "kind: KubeSchedulerConfiguration\nprofiles:\n- schedulerName: hami-scheduler\nextenders:\n- urlPrefix: https://127.0.0.1\n  \
               managedResources:\n  - name: nvidia.com/gpu\n    ignoredByScheduler: true\n  - name: nvidia.com/gpumem\n";
    let config = scheduler_config(new).unwrap();
    assert_eq!(config.scheduler_names, ["hami-scheduler"]);
    assert_eq!(config.managed_resources, ["nvidia.com/gpu", "nvidia.com/gpumem"]);
    let old = r#"{"kind":"Policy","extenders":[{"managedResources":[{"name":"nvidia.com/gpu"}]}]}"#;
    assert!(scheduler_config(old).unwrap().scheduler_names.is_empty());
}

#[test]
fn nodes_that_differ() {
    let text = r#"{"nodeconfig":[{"name":"m5-cnode","operatingmode":"hami-core","devicememoryscaling":1.8,"devicesplitcount":10,
        "migstrategy":"none","filterdevices":{"uuid":["GPU-1"],"index":[0]}},{"Name":"other"}]}"#;
    let config = PluginConfig::parse(text).unwrap();
    assert_eq!(config.nodes[0].device_memory_scaling, Some(1.8));
    assert_eq!(config.nodes[0].filtered.uuid, ["GPU-1"]);
    assert_eq!(config.nodes[1].name, "other");
    assert!(PluginConfig::parse(r#"{"nodeconfig":{}}"#).is_err());
}
