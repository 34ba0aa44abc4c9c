//! What a change that cannot be undone takes away, as far as its plan knows. A backup outlives the process that destroyed
//! what it is a backup of by this.

/// Things by their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Things {
    /// These, and no others.
    Of(Vec<String>),
    /// Some, and nobody knows which.
    Unknown,
}

impl Things {
    /// None at all.
    pub const NONE: Self = Self::Of(Vec::new());

    /// Whether there are surely none.
    #[must_use]
    pub fn none(&self) -> bool {
        matches!(self, Self::Of(ids) if ids.is_empty())
    }
}

impl FromIterator<String> for Things {
    fn from_iter<I: IntoIterator<Item = String>>(ids: I) -> Self {
        Self::Of(ids.into_iter().collect())
    }
}

/// What is lost besides what a change is aimed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// What goes along: the volumes of an instance that is terminated.
    pub along: Things,
    /// What the target is a backup of: the volume that a snapshot was made of.
    pub backs_up: Things,
}

impl Loss {
    /// The target alone goes, and it is no backup.
    pub const NONE: Self = Self { along: Things::NONE, backs_up: Things::NONE };

    /// These go along.
    #[must_use]
    pub fn along(things: Things) -> Self {
        Self { along: things, ..Self::NONE }
    }

    /// What goes is a backup of these.
    #[must_use]
    pub fn of_backup(things: Things) -> Self {
        Self { backs_up: things, ..Self::NONE }
    }
}

/// A plan that says what is lost.
#[derive(Debug)]
pub struct Losing<P> {
    /// What is shown, and what it adds.
    pub plan: P,
    /// What is lost.
    pub loss: Loss,
}

impl<P> Losing<P> {
    /// A plan and what is lost by it.
    pub fn new(plan: P, loss: Loss) -> Self {
        Self { plan, loss }
    }
}
