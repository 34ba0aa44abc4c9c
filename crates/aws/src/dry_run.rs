//! Asking EC2 and Lambda whether a call would succeed, without making it.

use serde_json::{Value, json};
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

    /// Asks Lambda whether this identity may invoke a function. `None` when it may, else why not.
    ///
    /// Any access may ask: the request says `DryRun`, which runs nothing, and the ceiling is checked as for the call itself.
    pub async fn dry_run_invoke(&self, function_name: &str, qualifier: Option<&str>) -> Result<Option<Error>> {
        let mut input = json!({ "FunctionName": function_name, "InvocationType": "DryRun" });
        if let Some(qualifier) = qualifier {
            input["Qualifier"] = qualifier.into();
        }
        match self.engine().call("lambda", "Invoke", input, self.scope()).await {
            Ok(_) => Ok(None),
            Err(error) if matches!(error.kind(), ErrorKind::Credentials | ErrorKind::Network | ErrorKind::Timeout) => {
                Err(error)
            }
            Err(error) => Ok(Some(error)),
        }
    }
}
