//! Progress of a call, on its way to the client that asked for it.

use rmcp::{
    Peer, RoleServer,
    model::{ProgressNotificationParam, ProgressToken},
};
use tokio::sync::mpsc;
use trainyard_contract::Progress;

/// One step of a call.
pub(crate) struct Step {
    done: u64,
    total: Option<u64>,
    message: String,
}

/// The tool's end.
pub(crate) struct Sender(mpsc::UnboundedSender<Step>);

impl Progress for Sender {
    fn report(&self, done: u64, total: Option<u64>, message: &str) {
        // Nobody listens when the call has just ended.
        let _ = self.0.send(Step { done, total, message: message.to_owned() });
    }
}

/// Steps that were reported and not yet told.
pub(crate) type Steps = mpsc::UnboundedReceiver<Step>;

pub(crate) fn channel() -> (Sender, Steps) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Sender(sender), receiver)
}

/// The client's end. Values rise strictly, as the protocol wants them, whatever the tool reports.
pub(crate) struct Teller {
    peer: Peer<RoleServer>,
    token: ProgressToken,
    last: Option<u64>,
}

impl Teller {
    pub(crate) fn new(peer: Peer<RoleServer>, token: ProgressToken) -> Self {
        Self { peer, token, last: None }
    }

    pub(crate) async fn tell(&mut self, step: Step) {
        if self.last.is_some_and(|last| step.done <= last) {
            return;
        }
        self.last = Some(step.done);
        #[expect(clippy::cast_precision_loss, reason = "a progress beyond 2^53 steps is not seen in a lifetime")]
        let (done, total) = (step.done as f64, step.total.map(|total| total as f64));
        let mut parameters = ProgressNotificationParam::new(self.token.clone(), done).with_message(step.message);
        if let Some(total) = total {
            parameters = parameters.with_total(total);
        }
        if let Err(error) = self.peer.notify_progress(parameters).await {
            tracing::debug!("could not tell the progress: {error}");
        }
    }
}
