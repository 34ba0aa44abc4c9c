//! Asking EC2 whether a call would succeed, without making it.

use serde_json::Value;
use trainyard_contract::{Access, Error, ErrorKind, Result};

use crate::{Aws, Operation};

impl<A: Access> Aws<A> {
    /// Asks whether a call would succeed. `None` when it would, else why not.
    ///
    /// Any access may ask: the request carries `DryRun`, and the ceiling is checked as for the call itself. Only
    /// services that keep that promise may be asked: EC2.
    pub async fn dry_run(&self, service: &str, operation: &str, mut input: Value) -> Result<Option<Error>> {
        input["DryRun"] = true.into();
        match self.engine().call(service, operation, input, self.scope()).await {
            Err(error) if error.code_str() == "DryRunOperation" => Ok(None),
            // Not an answer about the call: nobody was asked.
            Err(error) if matches!(error.kind(), ErrorKind::Credentials | ErrorKind::Network | ErrorKind::Timeout) => {
                Err(error)
            }
            Err(error) => Ok(Some(error)),
            Ok(_) => {
                Err(Error::internal(format!("{operation} was asked for a dry run and did not say that it was one"))
                    .hint("the endpoint may not honour DryRun: look whether the change was made"))
            }
        }
    }

    /// As [`Self::dry_run`], of a declared operation.
    pub async fn dry_run_of<O: Operation>(&self, operation: &O) -> Result<Option<Error>> {
        self.dry_run(O::SERVICE, O::ACTION, crate::operation::input(operation)?).await
    }
}
