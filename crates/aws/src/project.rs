//! JMESPath over values: the one place that knows which library does it.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jpx_core::{Expression, Runtime};
use serde_json::Value;
use trainyard_contract::{Error, Result};

/// Longest expression. The longest in any published model has 155 characters.
const MAX_EXPRESSION: usize = 2000;

/// Brackets may nest so deep.
const MAX_NESTING: usize = 32;
