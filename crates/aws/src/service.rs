//! Services as the engine holds them: facts, schemas and wire, loaded once in the life of the process.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use aws_smithy_schema::Schema;
use trainyard_contract::{Error, Result, nearest};

use crate::{
    catalogue::{
        self,
        model::{Operation, Service, ShapeId},
    },
    customise,
    protocol::Wire,
    schema::Schemas,
};

/// One service, ready to be called.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) service: &'static Service<'static>,
    pub(crate) schemas: Schemas,
    pub(crate) wire: Wire,
    prepared: Mutex<HashMap<&'static str, &'static Prepared>>,
}

/// One operation, ready to be called.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) operation: &'static Operation<'static>,
    pub(crate) input: Schema<'static>,
    /// Of the structure that is the whole body, where one is.
    pub(crate) payload: Option<Schema<'static>>,
    pub(crate) output: Option<(ShapeId, Schema<'static>)>,
}

/// The service of that name. Schemas borrow from what this keeps, so it is never dropped.
pub(crate) fn load(name: &str) -> Result<&'static Loaded> {
    static LOADED: Mutex<Option<HashMap<&'static str, &'static Loaded>>> = Mutex::new(None);

    let service = catalogue::service(name)?;
    // Nothing that could panic happens under the lock, so a poisoned one still holds a sound map.
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded =
        loaded.get_or_insert_default().entry(service.name).or_insert_with(|| Box::leak(Box::new(Loaded::new(service))));
    Ok(loaded)
}

/// The operation of that name, exact spelling, of a service.
pub(crate) fn operation(service: &'static Service<'static>, name: &str) -> Result<&'static Operation<'static>> {
    service.operation(name).ok_or_else(|| {
        let error = Error::validation(format!("{} has no operation {name:?}", service.name)).code("UnknownOperation");
        match nearest(name, service.operations.iter().map(|operation| operation.name)) {
            Some(near) => error.hint(format!("did you mean {near}?")),
            None => error,
        }
    })
}

impl Loaded {
    pub(crate) fn new(service: &'static Service<'static>) -> Self {
        Self { service, schemas: Schemas::new(service), wire: Wire::new(service), prepared: Mutex::default() }
    }

    /// The operation of that name, with its schemas.
    pub(crate) fn operation(&'static self, name: &str) -> Result<&'static Prepared> {
        let operation = operation(self.service, name)?;
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(prepared.entry(operation.name).or_insert_with(|| Box::leak(Box::new(self.prepare(operation)))))
    }

    fn prepare(&self, operation: &'static Operation<'static>) -> Prepared {
        let uri = customise::uri(self.service, operation);
        Prepared {
            operation,
            input: self.schemas.input(operation, uri),
            payload: self.schemas.payload(operation),
            output: operation
                .output
                .map(|id| (id, customise::output_schema(self.service, operation, self.schemas.output(id)))),
        }
    }
}
