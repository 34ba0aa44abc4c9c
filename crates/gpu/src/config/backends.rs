//! Gives the backends the names that the configuration has for them.

use super::device::{DeviceConfig, Names};
use crate::vendor::{Backend, Backends, MemoryUnit, Vendor, ascend_backend, iluvatar_backend};

pub(super) fn configured(config: &DeviceConfig) -> Backends {
    let mut list = Backends::default().into_list();
    if !config.vnpus.configs.is_empty() {
        list.retain(|backend| backend.vendor != Vendor::Ascend);
        list.extend(config.vnpus.configs.iter().map(|chip| {
            let mut backend = ascend_backend(&chip.common_word);
            rename(&mut backend.resources.count, chip.resource_name.as_ref());
            put(&mut backend.resources.memory, chip.resource_memory_name.as_ref());
            put(&mut backend.resources.cores, chip.resource_core_name.as_ref());
            scale(&mut backend, chip.memory_factor);
            backend
        }));
    }
    if !config.iluvatars.is_empty() {
        list.retain(|backend| backend.vendor != Vendor::Iluvatar);
        list.extend(config.iluvatars.iter().map(|chip| {
            let mut backend = iluvatar_backend(&chip.common_word);
            rename(&mut backend.resources.count, chip.resource_count_name.as_ref());
            put(&mut backend.resources.memory, chip.resource_memory_name.as_ref());
            put(&mut backend.resources.cores, chip.resource_core_name.as_ref());
            backend
        }));
    }
    for backend in &mut list {
        configure(backend, config);
    }
    Backends::new(list)
}

fn configure(backend: &mut Backend, config: &DeviceConfig) {
    let resources = &mut backend.resources;
    match backend.word.as_str() {
        "NVIDIA" => nvidia(backend, config),
        "MLU" => names(backend, &config.cambricon),
        "DCU" => names(backend, &config.hygon),
        "Mthreads" => names(backend, &config.mthreads),
        "AMD" => names(backend, &config.amd),
        "AWSNeuron" => names(backend, &config.awsneuron),
        "Vastai" => names(backend, &config.vastai),
        "Biren" => names(backend, &config.biren),
        "Metax-GPU" => rename(&mut resources.count, config.metax.resource_count_name.as_ref()),
        "Metax-SGPU" => {
            rename(&mut resources.count, config.metax.shared_count_name.as_ref());
            put(&mut resources.memory, config.metax.shared_memory_name.as_ref());
            put(&mut resources.cores, config.metax.shared_core_name.as_ref());
        }
        "GCU" => rename(&mut resources.count, config.enflame.whole_name.as_ref()),
        "Enflame" => {
            // The old name stands only where there is no new one.
            let count = config.enflame.slice_name.as_ref().or(config.enflame.old_slice_name.as_ref());
            rename(&mut resources.count, count);
            put(&mut resources.memory, config.enflame.memory_name.as_ref());
            put(&mut resources.cores, config.enflame.core_name.as_ref());
            put(&mut resources.memory_percentage, config.enflame.old_percentage_name.as_ref());
        }
        "kunlun" => rename(&mut resources.count, config.kunlun.resource_count_name.as_ref()),
        "XPU" => {
            rename(&mut resources.count, config.kunlun.shared_count_name.as_ref());
            put(&mut resources.memory, config.kunlun.shared_memory_name.as_ref());
        }
        _ => {}
    }
}

fn nvidia(backend: &mut Backend, config: &DeviceConfig) {
    let config = &config.nvidia;
    rename(&mut backend.resources.count, config.resource_count_name.as_ref());
    put(&mut backend.resources.memory, config.resource_memory_name.as_ref());
    put(&mut backend.resources.memory_percentage, config.resource_memory_percentage_name.as_ref());
    put(&mut backend.resources.cores, config.resource_core_name.as_ref());
    put(&mut backend.resources.priority, config.resource_priority_name.as_ref());
    scale(backend, config.memory_factor);
    backend.default_memory_mib = config.default_memory.unwrap_or(0).max(0);
    backend.default_cores = config.default_cores.unwrap_or(0).max(0);
    backend.default_count = config.default_gpu_num.unwrap_or(1).max(1);
}

fn names(backend: &mut Backend, names: &Names) {
    rename(&mut backend.resources.count, names.resource_count_name.as_ref());
    put(&mut backend.resources.memory, names.resource_memory_name.as_ref());
    put(&mut backend.resources.cores, names.resource_core_name.as_ref());
    scale(backend, names.memory_factor);
}

/// Only units of whole MiB have a factor.
fn scale(backend: &mut Backend, factor: Option<i64>) {
    if let (MemoryUnit::Mib(unit), Some(factor)) = (&mut backend.memory_unit, factor.filter(|factor| *factor > 1)) {
        *unit = factor;
    }
}

fn rename(name: &mut String, new: Option<&String>) {
    if let Some(new) = new.filter(|new| !new.is_empty()) {
        name.clone_from(new);
    }
}

fn put(name: &mut Option<String>, new: Option<&String>) {
    if let Some(new) = new.filter(|new| !new.is_empty()) {
        *name = Some(new.clone());
    }
}
