//! `DescribeEndpoint`: where devices find this server (API-187 – API-189).

use serde::{Deserialize, Serialize};

use crate::{ApiError, ApiSettings, Call};

/// The type of endpoint; `iot:Data` when absent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeEndpointRequest {
    endpoint_type: Option<String>,
}

/// A host name, with a port only where the settings want it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeEndpointResponse {
    endpoint_address: String,
}

/// `DescribeEndpoint`.
pub(crate) async fn describe_endpoint(
    call: Call,
    input: DescribeEndpointRequest,
) -> Result<DescribeEndpointResponse, ApiError> {
    let endpoint_type = input.endpoint_type.as_deref().unwrap_or("iot:Data");
    let endpoint_address = of_call(&call, endpoint_type)?;
    Ok(DescribeEndpointResponse { endpoint_address })
}

/// The endpoint of a type as this caller is told it.
pub(crate) fn of_call(call: &Call, endpoint_type: &str) -> Result<String, ApiError> {
    address(&call.deps.settings, call.scope.account(), call.host.as_deref(), endpoint_type)
}

fn address(
    settings: &ApiSettings,
    account: &str,
    caller_host: Option<&str>,
    endpoint_type: &str,
) -> Result<String, ApiError> {
    let ports = settings.advertised_ports;
    let port = match endpoint_type {
        "iot:Data" | "iot:Data-ATS" | "iot:Data-Beta" | "iot:CredentialProvider" => {
            ports.map(|ports| ports.https)
        }
        "iot:Jobs" | "iot:DeviceAdvisor" => ports.map(|ports| ports.api),
        other => {
            let message = format!("Endpoint type {other} not recognized.");
            return Err(ApiError::invalid_request(message));
        }
    };
    let host = match settings.advertised_host.as_str() {
        "*" => bare(caller_host.unwrap_or("localhost")).to_owned(),
        // The account as a label of its own, so that the host name chooses it (AUTH-040).
        host => host.replace("{account}", account),
    };
    Ok(match port {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

/// A `Host` header without its port; an IPv6 address keeps its brackets.
fn bare(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AdvertisedPorts;

    #[test]
    fn the_address_is_the_advertised_host_or_the_callers() {
        // API-187, API-189
        let ports = Some(AdvertisedPorts { https: 8443, api: 4566 });
        for (advertised, ports, host, kind, expected) in [
            ("localhost", None, "10.0.0.1:4566", "iot:Data", "localhost"),
            ("localhost", None, "10.0.0.1:4566", "iot:Data-ATS", "localhost"),
            ("things.lab", ports, "x", "iot:Data-ATS", "things.lab:8443"),
            ("things.lab", ports, "x", "iot:CredentialProvider", "things.lab:8443"),
            ("things.lab", ports, "x", "iot:Jobs", "things.lab:4566"),
            ("*", None, "thingstead:4566", "iot:Data-ATS", "thingstead"),
            ("*", None, "thingstead", "iot:Data-ATS", "thingstead"),
            ("*", ports, "[::1]:4566", "iot:Data-ATS", "[::1]:8443"),
            ("*", None, "[::1]", "iot:Data-ATS", "[::1]"),
            ("{account}.lab", None, "x", "iot:Data-ATS", "111122223333.lab"),
        ] {
            let settings = ApiSettings {
                advertised_host: advertised.to_owned(),
                advertised_ports: ports,
                ..ApiSettings::default()
            };
            assert_eq!(
                address(&settings, "111122223333", Some(host), kind).expect(kind),
                expected,
                "{advertised} {host} {kind}"
            );
        }
        let refused = address(&ApiSettings::default(), "1", None, "iot:Nonsense").expect_err("no such type");
        assert_eq!(refused, ApiError::invalid_request("Endpoint type iot:Nonsense not recognized."));
    }
}
