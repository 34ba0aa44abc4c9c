//! The endpoint rules of a service, as data.

use serde::{Deserialize, Serialize};

/// The rules of one service.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct RuleSet<'a> {
    /// Parameter names.
    #[serde(borrow)]
    pub parameters: Vec<&'a str>,
}
