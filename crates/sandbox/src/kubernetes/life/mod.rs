//! What moves by itself.

use std::{future::pending, sync::Arc};

use super::{cluster::Cluster, shared::Shared};

/// What moves by itself.
#[derive(Debug)]
pub(crate) enum Life {}

impl Life {
    pub(crate) fn settle(&mut self, _: &mut Cluster) {
        match *self {}
    }
}

/// Waits for what is due, and does it.
pub(crate) async fn run(_: &Arc<Shared>) {
    pending::<()>().await;
}
