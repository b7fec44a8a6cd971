//! The service models: which operations there are, where their members travel, and what is allowed in them.
//!
//! The data is `model/*.json`, derived from the public service models; see `model/README.md`. It is parsed once, when the
//! first request comes.

mod load;
mod pattern;
mod route;
mod shape;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use pattern::Pattern;
pub use route::{Routed, Template};
pub use shape::{Constraints, Kind, Member, Place, Shape, ShapeId};

/// One of the three APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// `iot`: the control plane.
    Iot,
    /// `iot-data`: the data plane.
    IotData,
    /// `iot-jobs-data`: what devices do with their jobs.
    IotJobsData,
}

/// The model of one API.
#[derive(Debug)]
pub struct Model {
    /// Which API.
    pub service: Service,
    operations: Vec<Operation>,
    shapes: Vec<Shape>,
    errors: HashMap<String, u16>,
    by_segments: route::Table,
}

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// Of which API.
    pub service: Service,
    /// Such as `CreateThing`.
    pub name: String,
    /// In capitals.
    pub method: String,
    /// The path with its labels.
    pub template: Template,
    /// The shape of the input, if there is any.
    pub input: Option<ShapeId>,
    /// The shape of the output, if there is any.
    pub output: Option<ShapeId>,
    /// The exceptions the operation is documented to answer.
    pub errors: Vec<String>,
}

impl Service {
    /// All three, in the order in which an unsigned path is looked up (API-003).
    pub const ALL: [Self; 3] = [Self::Iot, Self::IotData, Self::IotJobsData];

    /// The API that signs with this name, the names that older and device-side clients use included (API-001, API-002).
    pub fn of_signing_name(name: &str) -> Option<Self> {
        Some(match name {
            "iot" => Self::Iot,
            "iotdata" | "iotdevicegateway" | "iot-data" | "execute-api" => Self::IotData,
            "iot-jobs-data" | "iotjobsdata" => Self::IotJobsData,
            _ => return None,
        })
    }

    /// The API that this host name belongs to on AWS (API-003).
    pub fn of_host(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let labels: Vec<&str> = host.split('.').collect();
        let begins = |with: &[&str]| labels.starts_with(with);
        if begins(&["data", "jobs", "iot"]) || labels.get(1..3) == Some(&["jobs", "iot"]) {
            Some(Self::IotJobsData)
        } else if begins(&["data-ats", "iot"]) || begins(&["data", "iot"]) {
            Some(Self::IotData)
        } else if begins(&["iot"]) && labels.len() > 2 {
            Some(Self::Iot)
        } else if labels.get(1) == Some(&"iot") && labels.get(3) == Some(&"amazonaws") {
            Some(Self::IotData)
        } else {
            None
        }
    }

    /// The name of the API, as SDKs write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iot => "iot",
            Self::IotData => "iot-data",
            Self::IotJobsData => "iot-jobs-data",
        }
    }

    /// The model.
    pub fn model(self) -> &'static Model {
        match self {
            Self::Iot => &IOT,
            Self::IotData => &IOT_DATA,
            Self::IotJobsData => &IOT_JOBS_DATA,
        }
    }
}

impl Model {
    /// The operation that a request belongs to, with its labels; `segments` are the raw path's, still encoded.
    pub fn route<'a>(&'static self, method: &str, segments: &[&'a str]) -> Routed<'a> {
        self.by_segments.find(&self.operations, method, segments)
    }

    /// All operations, by name.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// A shape.
    pub fn shape(&self, id: ShapeId) -> &Shape {
        id.of(&self.shapes)
    }

    /// The HTTP status of an exception of this API; `None` when the model does not know it.
    pub fn status(&self, exception: &str) -> Option<u16> {
        self.errors.get(exception).copied()
    }
}

static IOT: LazyLock<Model> =
    LazyLock::new(|| load::model(Service::Iot, include_str!("../../model/iot.json")));
static IOT_DATA: LazyLock<Model> =
    LazyLock::new(|| load::model(Service::IotData, include_str!("../../model/iot-data.json")));
static IOT_JOBS_DATA: LazyLock<Model> =
    LazyLock::new(|| load::model(Service::IotJobsData, include_str!("../../model/iot-jobs-data.json")));

#[cfg(test)]
mod tests;
