//! Quotas as HAMi reads them: limits of memory and computing in `ResourceQuota` objects, against what pods were given.
//!
//! The API server counts nothing for these keys (`status.used` stays empty), so use is the sum over pods. Numbers of devices it
//! does count, and enforces itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    error::Note,
    fleet::{Fleet, shares},
    object::text,
    quantity::Quantity,
    vendor::{CoreUnit, ResourceRole, Vendor, plain_resource},
};

/// Pods that a row names.
const TOP_PODS: usize = 5;

/// The limits of one `ResourceQuota` object that HAMi may heed.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct QuotaObject {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Resource → limit in units of the spec.
    pub limits: BTreeMap<String, i64>,
    /// Resource that is handed out by number → its limit and what of it is in use, as the API server counts it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, (i64, i64)>,
    /// Limits that HAMi skips since they are no whole numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

impl QuotaObject {
    /// Reads a `ResourceQuota`. Keys with `requests.` or without a prefix are not HAMi's; of them those that count accelerators
    /// matter.
    pub fn from_json(quota: &Value) -> Option<Self> {
        let mut read = Self {
            namespace: text(quota, "/metadata/namespace")?.to_owned(),
            name: text(quota, "/metadata/name")?.to_owned(),
            limits: BTreeMap::new(),
            counts: BTreeMap::new(),
            notes: Vec::new(),
        };
        let number = |value: &Value| Quantity::from_json(value).ok().and_then(Quantity::whole);
        let hard = quota.pointer("/spec/hard").and_then(Value::as_object);
        for (key, value) in hard.into_iter().flatten() {
            if let Some(resource) = key.strip_prefix("requests.").filter(|name| plain_resource(name).is_some())
                && let Some(limit) = number(value)
            {
                let used = quota.pointer("/status/used").and_then(|used| number(used.get(key)?)).unwrap_or(0);
                read.counts.insert(resource.to_owned(), (limit, used));
                continue;
            }
            // `limits.cpu` and the like belong to Kubernetes.
            let Some(resource) = key.strip_prefix("limits.").filter(|resource| resource.contains('/')) else {
                continue;
            };
            match number(value) {
                Some(limit) => drop(read.limits.insert(resource.to_owned(), limit)),
                None => read.notes.push(Note::new(key, "HAMi skips it: a limit must be a whole number")),
            }
        }
        Some(read)
    }
}

/// What a quota limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaKind {
    /// Memory, by HAMi.
    Memory,
    /// Computing, by HAMi.
    Cores,
    /// Devices or their instances by number, by the API server.
    Count,
}

/// One resource of one namespace.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct QuotaUsage {
    /// Namespace.
    pub namespace: String,
    /// Such as `nvidia.com/gpumem`.
    pub resource: String,
    /// Who makes the devices.
    pub vendor: Vendor,
    /// Memory, computing, or a number of devices.
    pub kind: QuotaKind,
    /// In units of the spec; absent when there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// The limit in the unit of `used`: MiB, or units of computing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_in_use_units: Option<i64>,
    /// MiB, devices, or units of computing as HAMi adds them: compute units for AMD, sums of core masks for Neuron.
    pub used: i64,
    /// What is left of the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free: Option<i64>,
    /// Of the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<i64>,
    /// A limit of zero: nothing may be had.
    pub blocked: bool,
    /// The objects that set it; where there are several, the last one counts.
    pub quota_objects: Vec<String>,
    /// Who holds most, and how much.
    pub top_pods: Vec<(String, i64)>,
    /// What to be careful about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// What pods of a namespace hold of a resource.
#[derive(Default)]
struct Use {
    sum: i64,
    pods: Vec<(usize, i64)>,
}

/// An object that limits a number of devices, the limit, and what is in use.
type Counted<'a> = (&'a QuotaObject, i64, i64);

/// Namespace, number of the backend, kind.
type Key = (String, usize, QuotaKind);

impl Fleet {
    /// Limits and use of every namespace that has either, by namespace and resource. `quotas` in the order in which the
    /// API lists them.
    pub fn quota_usage(
        &self,
        quotas: &[QuotaObject],
        namespace: Option<&str>,
        vendor: Option<Vendor>,
    ) -> Vec<QuotaUsage> {
        let mut used = self.quota_use(namespace);
        let mut limits: BTreeMap<Key, Vec<(&str, i64)>> = BTreeMap::new();
        for quota in quotas.iter().filter(|quota| namespace.is_none_or(|wanted| wanted == quota.namespace)) {
            for (resource, limit) in &quota.limits {
                if let Some((backend, kind)) = self.quota_kind(resource) {
                    let key = (quota.namespace.clone(), backend, kind);
                    used.entry(key.clone()).or_default();
                    limits.entry(key).or_default().push((&quota.name, *limit));
                }
            }
        }
        let row = |(key, used): (Key, Use)| self.row(&key, &used, limits.get(&key).map_or(&[], Vec::as_slice));
        let mut rows: Vec<QuotaUsage> = used.into_iter().filter_map(row).collect();
        rows.extend(self.count_rows(quotas, namespace));
        rows.retain(|row| vendor.is_none_or(|vendor| row.vendor == vendor));
        rows.sort_by(|one, other| one.namespace.cmp(&other.namespace));
        rows
    }

    /// Limits on numbers of devices. The API server heeds every object, so the one that leaves least counts.
    fn count_rows(&self, quotas: &[QuotaObject], namespace: Option<&str>) -> Vec<QuotaUsage> {
        let mut all: BTreeMap<(&str, &str), Vec<Counted<'_>>> = BTreeMap::new();
        for quota in quotas.iter().filter(|quota| namespace.is_none_or(|wanted| wanted == quota.namespace)) {
            for (resource, (limit, used)) in &quota.counts {
                all.entry((&quota.namespace, resource)).or_default().push((quota, *limit, *used));
            }
        }
        let row = |((namespace, resource), mut objects): ((&str, &str), Vec<Counted<'_>>)| {
            objects.sort_by_key(|(_, limit, used)| limit.saturating_sub(*used));
            let (_, limit, used) = *objects.first()?;
            let holders = self.pods.iter().filter(|pod| pod.namespace == namespace && pod.holds());
            let mut top: Vec<(String, i64)> =
                holders.map(|pod| (pod.name.clone(), pod.units_of(resource))).filter(|(_, units)| *units > 0).collect();
            top.sort_by_key(|(_, units)| std::cmp::Reverse(*units));
            top.truncate(TOP_PODS);
            Some(QuotaUsage {
                namespace: namespace.to_owned(),
                resource: resource.to_owned(),
                vendor: plain_resource(resource)?.vendor(),
                kind: QuotaKind::Count,
                limit: Some(limit),
                limit_in_use_units: Some(limit),
                used,
                free: Some(limit.saturating_sub(used).max(0)),
                percent: used.saturating_mul(100).checked_div(limit),
                blocked: limit == 0,
                quota_objects: objects.iter().map(|(quota, ..)| quota.name.clone()).collect(),
                top_pods: top,
                warning: None,
            })
        };
        all.into_iter().filter_map(row).collect()
    }

    /// What pods hold, where a quota could limit it.
    fn quota_use(&self, namespace: Option<&str>) -> BTreeMap<Key, Use> {
        let mut all: BTreeMap<Key, Use> = BTreeMap::new();
        let holders = self.pods.iter().enumerate().filter(|(_, pod)| pod.holds() && pod.marks.node.is_some());
        for (number, pod) in holders.filter(|(_, pod)| namespace.is_none_or(|wanted| wanted == pod.namespace)) {
            let mut of_pod: BTreeMap<(usize, QuotaKind), i64> = BTreeMap::new();
            let unit = |word: &str| self.backends.by_word(word).map_or(CoreUnit::Percent, |backend| backend.core_unit);
            let words: BTreeMap<_, _> =
                pod.grants.iter().map(|grant| (grant.uuid.as_str(), grant.word.as_str())).collect();
            for (uuid, share) in shares(pod, self.counting, |grant| unit(&grant.word)) {
                let Some(backend) = words.get(uuid).and_then(|word| self.backends.number_of(word)) else { continue };
                let kinds = self.backends.get(backend).quota;
                if kinds.memory {
                    *of_pod.entry((backend, QuotaKind::Memory)).or_default() += share.memory_mib;
                }
                if kinds.cores {
                    *of_pod.entry((backend, QuotaKind::Cores)).or_default() += share.cores;
                }
            }
            for ((backend, kind), amount) in of_pod {
                let sum = all.entry((pod.namespace.clone(), backend, kind)).or_default();
                sum.sum = sum.sum.saturating_add(amount);
                sum.pods.push((number, amount));
            }
        }
        all
    }

    /// The backend and kind of a resource that HAMi's quota manager knows.
    fn quota_kind(&self, resource: &str) -> Option<(usize, QuotaKind)> {
        let (at, role) = self.backends.by_resource(resource)?;
        let kinds = self.backends.get(at).quota;
        match role {
            ResourceRole::Memory if kinds.memory => Some((at, QuotaKind::Memory)),
            ResourceRole::Cores if kinds.cores => Some((at, QuotaKind::Cores)),
            _ => None,
        }
    }

    fn row(&self, (namespace, backend, kind): &Key, used: &Use, limits: &[(&str, i64)]) -> Option<QuotaUsage> {
        let backend = self.backends.get(*backend);
        let (resource, factor) = match kind {
            QuotaKind::Count => return None,
            QuotaKind::Memory => (backend.resources.memory.clone()?, backend.memory_unit.quota_factor()),
            QuotaKind::Cores => (backend.resources.cores.clone()?, 1),
        };
        let limit = limits.last().map(|(_, limit)| *limit);
        let in_use_units = limit.map(|limit| limit.saturating_mul(factor));
        let mut top = used.pods.clone();
        top.sort_unstable_by_key(|(pod, amount)| (std::cmp::Reverse(*amount), *pod));
        let named = |(pod, amount): &(usize, i64)| (self.pods[*pod].name.clone(), *amount);
        Some(QuotaUsage {
            namespace: namespace.clone(),
            resource,
            vendor: backend.vendor,
            kind: *kind,
            limit,
            limit_in_use_units: in_use_units,
            used: used.sum,
            free: in_use_units.map(|limit| limit.saturating_sub(used.sum).max(0)),
            percent: in_use_units.and_then(|limit| used.sum.saturating_mul(100).checked_div(limit)),
            blocked: limit == Some(0),
            quota_objects: limits.iter().map(|(name, _)| (*name).to_owned()).collect(),
            top_pods: top.iter().filter(|(_, amount)| *amount > 0).take(TOP_PODS).map(named).collect(),
            warning: (limits.len() > 1).then(|| {
                "several quota objects set this; HAMi heeds the one it saw last, here the last one listed".to_owned()
            }),
        })
    }
}
