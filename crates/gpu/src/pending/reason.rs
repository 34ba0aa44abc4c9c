//! The reasons against a card and against a node.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// Why a card does not do, in HAMi's own words, which also stand in its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize)]
#[expect(missing_docs, reason = "the names are HAMi's")]
pub enum CardReason {
    CardNotHealth,
    CardUnhealthy,
    CardCordoned,
    CardTypeMismatch,
    ModeNotFit,
    NumaNotFit,
    CardUuidMismatch,
    CardTimeSlicingExhausted,
    ResourceQuotaNotFit,
    CardInsufficientMemory,
    CardInsufficientCore,
    ExclusiveDeviceAllocateConflict,
    CardComputeUnitsExhausted,
    CardMigTopologyInfeasible,
    CardNotFoundCustomFilterRule,
    CardQosPolicyMismatch,
    CardAppClassMismatch,
    NodeInsufficientDevice,
    AllocatedCardsInsufficientRequest,
    NodeUnfitPod,
    NodeFitPod,
}

impl CardReason {
    const ALL: [Self; 21] = [
        Self::CardNotHealth,
        Self::CardUnhealthy,
        Self::CardCordoned,
        Self::CardTypeMismatch,
        Self::ModeNotFit,
        Self::NumaNotFit,
        Self::CardUuidMismatch,
        Self::CardTimeSlicingExhausted,
        Self::ResourceQuotaNotFit,
        Self::CardInsufficientMemory,
        Self::CardInsufficientCore,
        Self::ExclusiveDeviceAllocateConflict,
        Self::CardComputeUnitsExhausted,
        Self::CardMigTopologyInfeasible,
        Self::CardNotFoundCustomFilterRule,
        Self::CardQosPolicyMismatch,
        Self::CardAppClassMismatch,
        Self::NodeInsufficientDevice,
        Self::AllocatedCardsInsufficientRequest,
        Self::NodeUnfitPod,
        Self::NodeFitPod,
    ];

    /// The reason of this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| format!("{reason:?}") == word)
    }

    /// What it means, in one sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::CardNotHealth | Self::CardUnhealthy => "the card is not healthy",
            Self::CardCordoned => "the card takes no new pods",
            Self::CardTypeMismatch => "the pod's annotations choose another type of card",
            Self::ModeNotFit => "the card runs in a mode that the pod does not take",
            Self::NumaNotFit => "the cards do not hang on one NUMA node",
            Self::CardUuidMismatch => "the pod's annotations choose other cards",
            Self::CardTimeSlicingExhausted => "the card has as many tasks as it may",
            Self::ResourceQuotaNotFit => "the namespace's quota does not leave enough",
            Self::CardInsufficientMemory => "the card has not enough free memory",
            Self::CardInsufficientCore => "the card has not enough free computing",
            Self::ExclusiveDeviceAllocateConflict => "the pod wants the whole card, and somebody is on it",
            Self::CardComputeUnitsExhausted => "all computing of the card is promised",
            Self::CardMigTopologyInfeasible => "no MIG instance that is large enough has a place on the card",
            Self::CardNotFoundCustomFilterRule => "the vendor's own rule speaks against the card",
            Self::CardQosPolicyMismatch => "the card serves another quality of service",
            Self::CardAppClassMismatch => "the card serves another class of application",
            Self::NodeInsufficientDevice => "the node has fewer cards than one container asks for",
            Self::AllocatedCardsInsufficientRequest => "some cards would do, but fewer than one container asks for",
            Self::NodeUnfitPod => "the node does not do",
            Self::NodeFitPod => "the node does",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Why a node does not do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum NodeReason {
    /// Cordoned.
    Unschedulable,
    /// A taint that the pod does not tolerate.
    Taint {
        /// `key=value:effect`.
        taint: String,
    },
    /// Labels that the pod selects by are missing.
    NodeSelector,
    /// The pod's required node affinity does not hold.
    NodeAffinity,
    /// Not enough of what every pod needs.
    Insufficient {
        /// `cpu`, `memory`, `pods`, or an extended resource.
        resource: String,
    },
    /// The node has no device of the kind.
    NoDevices {
        /// The resource that counts them.
        resource: String,
    },
    /// No way to take enough cards.
    Cards {
        /// Cards by what speaks against them; told of all nodes together where nodes are counted.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        reasons: BTreeMap<CardReason, usize>,
        /// Cards of the kind; none where nodes are counted.
        #[serde(skip_serializing_if = "is_zero")]
        cards: usize,
    },
    /// The namespace's quota does not leave enough.
    Quota {
        /// Such as `nvidia.com/gpumem`.
        resource: String,
        /// What is missing, in MiB or units of computing.
        missing: i64,
    },
    /// Another pod is being bound.
    Locked {
        /// `namespace/name`, where the lock says it.
        #[serde(skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
}
