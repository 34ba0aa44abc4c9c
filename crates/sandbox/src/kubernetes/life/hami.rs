//! Places containers on parts of cards, as HAMi's scheduler does: by memory and cores of healthy cards with a share left.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::kubernetes::quantity::Quantity;

/// The scheduler that pods name.
const NAME: &str = "hami-scheduler";
/// Resources that HAMi counts on cards, and nobody else anywhere.
const ON_CARDS: [&str; 2] = ["nvidia.com/gpumem", "nvidia.com/gpucores"];
/// Cores of a card.
const ALL_CORES: i64 = 100;

/// Whether a pod is HAMi's to place.
pub(super) fn places(pod: &Value) -> bool {
    pod["spec"]["schedulerName"] == NAME
}

/// What a pod holds of cards, as HAMi wrote it down.
pub(super) fn devices(pod: &Value) -> &str {
    pod["metadata"]["annotations"]["hami.io/vgpu-devices-allocated"].as_str().unwrap_or_default()
}

/// Whether a resource of a pod that HAMi places is counted on cards alone.
pub(super) fn is_on_cards(resource: &str) -> bool {
    ON_CARDS.contains(&resource)
}

/// A card, and what is left of it.
#[derive(Debug, Clone)]
struct Card {
    id: String,
    healthy: bool,
    whole: i64,
    memory: i64,
    cores: i64,
    shares: i64,
}

/// The cards of all nodes, by name of the node.
#[derive(Debug, Default)]
pub(super) struct Cards(BTreeMap<String, Vec<Card>>);

/// What a container wants of cards.
struct Wish {
    cards: i64,
    /// In MiB; nothing for all of a card.
    memory: Option<i64>,
    cores: i64,
}

impl Cards {
    /// The cards that device plugins registered.
    pub(super) fn of(nodes: &[Value]) -> Self {
        let registered = nodes.iter().filter_map(|node| {
            let register = node["metadata"]["annotations"]["hami.io/node-nvidia-register"].as_str()?;
            let cards: Vec<Value> = serde_json::from_str(register).ok()?;
            let name = node["metadata"]["name"].as_str()?;
            Some((name.to_owned(), cards.iter().map(Card::read).collect()))
        });
        Self(registered.collect())
    }

    /// Takes what a pod holds on a node.
    pub(super) fn take(&mut self, node: &str, devices: &str) {
        let Some(cards) = self.0.get_mut(node) else { return };
        for device in devices.split([';', ':']) {
            let mut parts = device.split(',');
            let (id, _) = (parts.next().unwrap_or_default(), parts.next());
            let mut number = || parts.next().and_then(|text| text.parse().ok()).unwrap_or(0);
            let (memory, cores) = (number(), number());
            if let Some(card) = cards.iter_mut().find(|card| card.id == id) {
                card.give(memory, cores);
            }
        }
    }

    /// The devices that a pod would get on a node, as HAMi writes them down; or why it would not.
    pub(super) fn fit(&self, pod: &Value, node: &str) -> Result<String, &'static str> {
        let containers = || pod["spec"]["containers"].as_array().into_iter().flatten();
        if containers().all(|container| Wish::of(container).cards == 0) {
            return Ok(String::new());
        }
        let mut cards = self.0.get(node).ok_or("NodeUnregistered")?.clone();
        let mut devices = String::new();
        for container in containers() {
            let wish = Wish::of(container);
            let mut lack = "CardInsufficientShares";
            let mut left = wish.cards;
            for card in &mut cards {
                if left == 0 {
                    break;
                }
                let memory = wish.memory.unwrap_or(card.whole);
                match card.lacks(memory, wish.cores) {
                    Some(why) => lack = why,
                    None => {
                        card.give(memory, wish.cores);
                        devices.push_str(&format!("{},NVIDIA,{memory},{}:", card.id, wish.cores));
                        left -= 1;
                    }
                }
            }
            if left > 0 {
                return Err(lack);
            }
            devices.push(';');
        }
        Ok(devices)
    }
}

impl Cards {
    /// A pod with the devices that it gets on a node written down, which are taken from now on.
    pub(super) fn given(&mut self, mut pod: Value, node: &str, now: OffsetDateTime) -> Value {
        let devices = self.fit(&pod, node).unwrap_or_default();
        if devices.is_empty() {
            return pod;
        }
        let seconds = now.unix_timestamp().to_string();
        let notes = [
            ("hami.io/vgpu-node", node),
            ("hami.io/vgpu-time", &seconds),
            ("hami.io/bind-time", &seconds),
            ("hami.io/bind-phase", "success"),
            ("hami.io/vgpu-devices-allocated", &devices),
        ];
        let annotations = &mut pod["metadata"]["annotations"];
        if !annotations.is_object() {
            *annotations = json!({});
        }
        for (name, value) in notes {
            annotations[name] = value.into();
        }
        self.take(node, &devices);
        pod
    }
}

impl Card {
    fn read(card: &Value) -> Self {
        let number = |member: &str| card[member].as_i64().unwrap_or(0);
        let (id, healthy) = (card["id"].as_str().unwrap_or_default().to_owned(), card["health"] == true);
        Self {
            id,
            healthy,
            whole: number("devmem"),
            memory: number("devmem"),
            cores: number("devcore"),
            shares: number("count"),
        }
    }

    fn give(&mut self, memory: i64, cores: i64) {
        self.memory -= memory;
        self.cores -= cores;
        self.shares -= 1;
    }

    /// Why it cannot give this much.
    fn lacks(&self, memory: i64, cores: i64) -> Option<&'static str> {
        // Who wants all cores wants the card for itself.
        let alone = cores >= ALL_CORES;
        match () {
            () if !self.healthy => Some("CardUnhealthy"),
            () if self.shares < 1 => Some("CardTimeSlicingExhausted"),
            () if self.memory < memory => Some("CardInsufficientMemory"),
            () if self.cores < cores => Some("CardInsufficientCore"),
            () if alone && self.memory < self.whole => Some("ExclusiveDeviceAllocateConflict"),
            () => None,
        }
    }
}

impl Wish {
    fn of(container: &Value) -> Self {
        let limits = &container["resources"]["limits"];
        let number = |name: &str| Quantity::of(&limits[name]).map(Quantity::ceiling);
        Self {
            cards: number("nvidia.com/gpu").unwrap_or(0),
            memory: number("nvidia.com/gpumem").filter(|memory| *memory > 0),
            cores: number("nvidia.com/gpucores").unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> Value {
        let card = |id: &str, health: bool| json!({ "id": id, "count": 2, "devmem": 80_000, "devcore": 100, "health": health });
        let register = json!([card("a", true), card("b", false), card("c", true)]).to_string();
        json!({ "metadata": { "name": "n", "annotations": { "hami.io/node-nvidia-register": register } } })
    }

    fn pod(limits: &Value) -> Value {
        json!({ "metadata": { "name": "p" }, "spec": {
            "schedulerName": NAME, "containers": [{ "name": "main", "resources": { "limits": limits } }] } })
    }

    #[test]
    fn shares_are_given_until_memory_cores_or_shares_are_used_up() {
        let mut cards = Cards::of(&[node()]);
        let half = pod(&json!({ "nvidia.com/gpu": "1", "nvidia.com/gpumem": "50k", "nvidia.com/gpucores": 30 }));
        assert_eq!(cards.fit(&half, "n").unwrap(), "a,NVIDIA,50000,30:;");
        let placed = cards.given(half.clone(), "n", OffsetDateTime::UNIX_EPOCH);
        assert_eq!(placed["metadata"]["annotations"]["hami.io/vgpu-devices-allocated"], "a,NVIDIA,50000,30:;");
        // The next goes to the next healthy card, and then there is none with so much memory.
        assert_eq!(cards.fit(&half, "n").unwrap(), "c,NVIDIA,50000,30:;");
        cards.given(half.clone(), "n", OffsetDateTime::UNIX_EPOCH);
        assert_eq!(cards.fit(&half, "n").unwrap_err(), "CardInsufficientMemory");
        let alone = pod(&json!({ "nvidia.com/gpu": "1", "nvidia.com/gpumem": "1000", "nvidia.com/gpucores": 100 }));
        assert_eq!(cards.fit(&alone, "n").unwrap_err(), "CardInsufficientCore");
        assert_eq!(cards.fit(&half, "other").unwrap_err(), "NodeUnregistered");
        assert_eq!(cards.fit(&pod(&json!({})), "other").unwrap(), "");
    }

    #[test]
    fn two_cards_are_two_cards_of_one_node() {
        let cards = Cards::of(&[node()]);
        let two = pod(&json!({ "nvidia.com/gpu": 2 }));
        assert_eq!(cards.fit(&two, "n").unwrap(), "a,NVIDIA,80000,0:c,NVIDIA,80000,0:;");
        assert_eq!(cards.fit(&pod(&json!({ "nvidia.com/gpu": 3 })), "n").unwrap_err(), "CardUnhealthy");
    }
}
