//! Calls that went on after their request was answered. Each belongs to whoever made it, and ends with this process.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use rmcp::{
    ErrorData,
    model::{CallToolResponse, CreateTaskResult, GetTaskResult},
    task_manager::{TaskExit, TaskManager, TaskOptions},
};

/// How long a task may take, and how long its result is kept. Calls have a shorter deadline of their own.
const TTL_MS: u64 = 3_600_000;
const POLL_MS: u64 = 2_000;

/// The tasks of this process.
#[derive(Default)]
pub(crate) struct Tasks {
    manager: TaskManager,
    owners: Mutex<HashMap<String, String>>,
}

impl Tasks {
    /// Goes on with a call as a task of `principal`.
    pub(crate) fn start(
        &self,
        principal: String,
        work: impl Future<Output = Result<CallToolResponse, ErrorData>> + Send + 'static,
    ) -> CreateTaskResult {
        let options = TaskOptions::new().with_ttl_ms(TTL_MS).with_poll_interval_ms(POLL_MS);
        let task = self.manager.spawn(options, |task| {
            Box::pin(async move {
                tokio::select! {
                    response = work => match response? {
                        CallToolResponse::Complete(result) => Ok(result),
                        _ => Err(TaskExit::Error(ErrorData::internal_error("the call came to no result", None))),
                    },
                    // Leaving here drops the call.
                    () = task.cancelled() => Err(TaskExit::Cancelled),
                }
            })
        });
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.retain(|id, _| self.manager.get_task(id).is_ok());
        owners.insert(task.task_id.clone(), principal);
        CreateTaskResult::new(task)
    }

    /// How a task stands.
    pub(crate) fn get(&self, id: &str, principal: &str) -> Result<GetTaskResult, ErrorData> {
        self.check(id, principal)?;
        self.manager.get_task(id).map(GetTaskResult::new)
    }

    /// Takes a task back.
    pub(crate) fn cancel(&self, id: &str, principal: &str) -> Result<(), ErrorData> {
        self.check(id, principal)?;
        self.manager.cancel_task(id)
    }

    /// A task of somebody else is as good as none.
    fn check(&self, id: &str, principal: &str) -> Result<(), ErrorData> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        match owners.get(id) {
            Some(owner) if owner == principal => Ok(()),
            _ => Err(ErrorData::invalid_params(format!("there is no task {id:?}"), None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{CallToolResult, TaskStatus};

    use super::*;

    #[tokio::test]
    async fn a_task_is_its_owners_only_and_can_be_taken_back() {
        let tasks = Tasks::default();
        let id = tasks.start("me".into(), std::future::pending()).task.task_id;
        assert!(tasks.get(&id, "you").is_err() && tasks.cancel(&id, "you").is_err());
        assert_eq!(tasks.get(&id, "me").unwrap().task.status(), TaskStatus::Working);
        tasks.cancel(&id, "me").unwrap();
        while tasks.get(&id, "me").unwrap().task.status() == TaskStatus::Working {
            tokio::task::yield_now().await;
        }
        assert_eq!(tasks.get(&id, "me").unwrap().task.status(), TaskStatus::Cancelled);
        assert!(tasks.get("unknown", "me").is_err());
    }

    #[tokio::test]
    async fn the_result_waits_to_be_fetched() {
        let tasks = Tasks::default();
        let id = tasks.start(String::new(), async { Ok(CallToolResult::success(Vec::new()).into()) }).task.task_id;
        while tasks.get(&id, "").unwrap().task.status() == TaskStatus::Working {
            tokio::task::yield_now().await;
        }
        assert_eq!(tasks.get(&id, "").unwrap().task.status(), TaskStatus::Completed);
    }
}
