//! What browsers ask before they call (API-049).

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderValue,
};

use super::output::with_request_id;

/// The answer to a preflight.
pub(super) fn preflight(request_id: &str) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    allow(headers);
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"),
    );
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    with_request_id(response, request_id)
}

/// The headers every answer carries for a browser.
pub(super) fn allow(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("x-amzn-RequestId, x-amzn-ErrorType"),
    );
}

const ALLOWED: &str = "authorization, content-type, x-amz-date, x-amz-security-token, x-amz-user-agent, \
    x-amz-content-sha256, amz-sdk-request, amz-sdk-invocation-id, x-amzn-principal, x-amzn-iot-principal, \
    x-amzn-iot-policy, x-amz-tagging, x-amz-mqtt5-user-properties, x-amz-mqtt5-payload-format-indicator, \
    x-amz-mqtt5-correlation-data";
