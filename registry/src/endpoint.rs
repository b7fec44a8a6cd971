//! `DescribeEndpoint` (API-187 to API-189).

use crate::{Registry, RegistryError, Result};

/// What `DescribeEndpoint` answers for each type of endpoint: a host, with the port where it shall be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// `iot:Data`, `iot:Data-ATS`, `iot:Data-Beta`.
    pub data: String,
    /// `iot:CredentialProvider`.
    pub credential_provider: String,
    /// `iot:Jobs`.
    pub jobs: String,
    /// `iot:DeviceAdvisor`.
    pub device_advisor: String,
}

impl Endpoints {
    /// The same host for every type.
    pub fn all(host: &str) -> Self {
        Self {
            data: host.to_owned(),
            credential_provider: host.to_owned(),
            jobs: host.to_owned(),
            device_advisor: host.to_owned(),
        }
    }

    /// The endpoint of a type, `iot:Data` where none is named.
    ///
    /// # Errors
    /// `InvalidRequest` for a type that does not exist (API-187).
    pub fn of(&self, endpoint_type: Option<&str>) -> Result<&str> {
        match endpoint_type.unwrap_or("iot:Data") {
            "iot:Data" | "iot:Data-ATS" | "iot:Data-Beta" => Ok(&self.data),
            "iot:CredentialProvider" => Ok(&self.credential_provider),
            "iot:Jobs" => Ok(&self.jobs),
            "iot:DeviceAdvisor" => Ok(&self.device_advisor),
            other => Err(RegistryError::invalid(format!("Endpoint type {other} not recognized."))),
        }
    }
}

impl Default for Endpoints {
    fn default() -> Self {
        Self::all("localhost")
    }
}

impl Registry {
    /// The endpoint of a type.
    ///
    /// # Errors
    /// See [`Endpoints::of`].
    pub fn describe_endpoint(&self, endpoint_type: Option<&str>) -> Result<String> {
        self.0.settings.endpoints.of(endpoint_type).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_an_endpoint_and_others_are_refused() {
        // API-187, API-189
        let endpoints = Endpoints { jobs: "jobs.lab:8443".to_owned(), ..Endpoints::all("lab") };
        assert_eq!(endpoints.of(None), Ok("lab"));
        assert_eq!(endpoints.of(Some("iot:Data-ATS")), Ok("lab"));
        assert_eq!(endpoints.of(Some("iot:Jobs")), Ok("jobs.lab:8443"));
        let refused = endpoints.of(Some("iot:data")).expect_err("type");
        assert_eq!(
            refused,
            RegistryError::InvalidRequest("Endpoint type iot:data not recognized.".to_owned())
        );
    }
}
