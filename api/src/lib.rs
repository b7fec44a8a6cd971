//! Floor 4: the AWS REST-JSON APIs `iot`, `iot-data` and `iot-jobs-data` on one port.
//!
//! The gateway is driven by the service [`model`]: it finds the API and the operation a request belongs to, reads and
//! validates the input by its shapes, calls the typed handler, and writes the output or the exception. A handler file
//! serves one kind of resource. Operations without a handler answer 501 (API-371).

mod call;
mod credentials;
mod deps;
mod error;
mod gateway;
mod handlers;
pub mod model;

pub use call::{Call, Document, IntoReply, Reply};
pub use deps::{AccessKey, AdvertisedPorts, ApiDeps, ApiSettings};
pub use error::ApiError;
pub use gateway::{device_router, router};
