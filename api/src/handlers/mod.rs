//! The operations that are built, by name. Whatever is not in the table answers 501.

mod endpoint;
mod publish;
mod shadows;

use std::future::Future;
use std::pin::Pin;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::IntoReply;
use crate::model::{Operation, Service};
use crate::{ApiError, Call, Reply};

/// A handler without its types: from members to members.
pub(crate) type Handler = fn(Call, Value) -> Pin<Box<dyn Future<Output = Result<Reply, ApiError>> + Send>>;

/// The handler of an operation, if it is built.
pub(crate) fn find(operation: &Operation) -> Option<Handler> {
    let table = match operation.service {
        Service::Iot => IOT,
        Service::IotData => IOT_DATA,
        Service::IotJobsData => IOT_JOBS_DATA,
    };
    table.iter().find(|(name, _)| *name == operation.name).map(|(_, handler)| *handler)
}

/// Rows of a table: `CreateThing => things::create_thing`.
macro_rules! operations {
    ($($name:ident => $handler:path,)*) => {
        &[$((stringify!($name), |call, input| {
            Box::pin(async move {
                $handler(call, typed(input)?).await.and_then(IntoReply::into_reply)
            })
        }),)*]
    };
}

const IOT: &[(&str, Handler)] = operations! {
    DescribeEndpoint => endpoint::describe_endpoint,
};

const IOT_DATA: &[(&str, Handler)] = operations! {
    DeleteThingShadow => shadows::delete_thing_shadow,
    GetThingShadow => shadows::get_thing_shadow,
    ListNamedShadowsForThing => shadows::list_named_shadows_for_thing,
    Publish => publish::publish,
    UpdateThingShadow => shadows::update_thing_shadow,
};

const IOT_JOBS_DATA: &[(&str, Handler)] = operations! {};

/// The input as the handler wants it. The members were read by the same model, so a failure is a mistake of ours.
fn typed<T: DeserializeOwned>(input: Value) -> Result<T, ApiError> {
    serde_json::from_value(input)
        .map_err(|error| ApiError::internal(format!("the input does not fit: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_name_operations_of_the_models() {
        for (service, table) in
            [(Service::Iot, IOT), (Service::IotData, IOT_DATA), (Service::IotJobsData, IOT_JOBS_DATA)]
        {
            for (name, _) in table {
                let known = service.model().operations().iter().any(|operation| operation.name == *name);
                assert!(known, "{name} is no operation of {}", service.name());
            }
        }
    }
}
