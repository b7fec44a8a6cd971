//! Writing answers and exceptions.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::cors;
use crate::model::{Kind, Model, Operation, Place, Service, ShapeId};
use crate::{ApiError, Reply};

/// A 200 with the members of the output in their places (API-026 – API-031).
pub(super) fn success(operation: &Operation, reply: Reply, request_id: &str) -> Response {
    let model = operation.service.model();
    let mut status = StatusCode::OK;
    let mut placed = Vec::new();
    let body = match reply {
        Reply::Payload(payload) => Body::from(payload),
        Reply::Members(value) => {
            let written = match operation.output {
                Some(shape) => members(model, shape, value, &mut status, &mut placed),
                None => Ok(value),
            };
            match written {
                Ok(value) => Body::from(value.to_string()),
                Err(wrong) => {
                    tracing::error!(operation = operation.name, wrong, "an answer does not fit its model");
                    let error =
                        ApiError::internal(format!("the answer of {} does not fit: {wrong}", operation.name));
                    return failure(operation.service, &error, request_id);
                }
            }
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in placed {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    finished(response, request_id)
}

/// An exception: name in the header, message in the body, a trace id on the data plane (API-034 – API-037).
pub(super) fn failure(service: Service, error: &ApiError, request_id: &str) -> Response {
    let mut body = Map::new();
    body.insert("message".to_owned(), json!(error.message()));
    body.extend(error.members().clone());
    if service == Service::IotData {
        body.insert("traceId".to_owned(), json!(request_id));
    }
    let text = if error.has_body() { Value::Object(body).to_string() } else { String::new() };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(error.status(service)).unwrap_or(StatusCode::BAD_REQUEST);
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(error.name()));
    finished(response, request_id)
}

/// The same answer with the request's id.
pub(super) fn with_request_id(mut response: Response, request_id: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-amzn-requestid", value);
    }
    response
}

fn finished(mut response: Response, request_id: &str) -> Response {
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    cors::allow(response.headers_mut());
    with_request_id(response, request_id)
}

/// The body members of an output; those bound to headers and status go to their places.
fn members(
    model: &Model,
    shape: ShapeId,
    value: Value,
    status: &mut StatusCode,
    headers: &mut Vec<(String, String)>,
) -> Result<Value, String> {
    let Some(Value::Object(mut fitted)) = fitted(model, shape, value, "")? else { return Ok(json!({})) };
    for member in model.shape(shape).members() {
        let place = member.place;
        if !matches!(place, Place::Header | Place::Status) {
            continue;
        }
        match (place, fitted.remove(&member.wire_name)) {
            (Place::Status, Some(Value::Number(number))) => {
                let code = number.as_u64().and_then(|code| u16::try_from(code).ok());
                *status = code.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(*status);
            }
            (Place::Header, Some(Value::String(text))) => headers.push((member.wire_name.clone(), text)),
            (Place::Header, Some(other)) => headers.push((member.wire_name.clone(), other.to_string())),
            _ => {}
        }
    }
    Ok(Value::Object(fitted))
}

/// A value that fits its shape, nulls left out (API-030); what does not fit is a mistake of ours and says where.
fn fitted(model: &Model, id: ShapeId, value: Value, path: &str) -> Result<Option<Value>, String> {
    let shape = model.shape(id);
    let value = match (&shape.kind, value) {
        (_, Value::Null) => return Ok(None),
        (Kind::Structure { members, .. }, Value::Object(found)) => {
            let mut out = Map::new();
            for (name, value) in found.into_iter().filter(|(_, value)| !value.is_null()) {
                let Some(member) = members.iter().find(|member| member.name == name) else {
                    return Err(format!("`{path}` has no member `{name}`"));
                };
                if let Some(value) = fitted(model, member.shape, value, &format!("{path}.{name}"))? {
                    out.insert(member.wire_name.clone(), value);
                }
            }
            Value::Object(out)
        }
        (Kind::List(inner), Value::Array(items)) => {
            let mut out = Vec::with_capacity(items.len());
            for item in items {
                out.extend(fitted(model, *inner, item, &format!("{path}[]"))?);
            }
            Value::Array(out)
        }
        (Kind::Map { value: inner, .. }, Value::Object(found)) => {
            let mut out = Map::new();
            for (name, value) in found {
                out.extend(
                    fitted(model, *inner, value, &format!("{path}.{name}"))?.map(|value| (name, value)),
                );
            }
            Value::Object(out)
        }
        (Kind::String | Kind::Blob, value @ Value::String(_))
        | (Kind::Boolean, value @ Value::Bool(_))
        | (Kind::Integer | Kind::Double | Kind::Timestamp, value @ Value::Number(_)) => value,
        (_, other) => return Err(format!("`{path}` is {other}, which is no {}", shape.name)),
    };
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn operation(service: Service, name: &str) -> &'static Operation {
        service.model().operations().iter().find(|operation| operation.name == name).expect(name)
    }

    async fn answered(name: &str, reply: Value) -> (u16, Value) {
        let response = success(operation(Service::Iot, name), Reply::Members(reply), "id");
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&body).expect("JSON"))
    }

    #[tokio::test]
    async fn members_go_to_their_places() {
        // API-026: the one output that binds the status
        assert_eq!(answered("DeleteCommand", json!({ "statusCode": 202 })).await, (202, json!({})));
        // API-027
        assert_eq!(answered("UpdateThing", json!({})).await, (200, json!({})));
        // API-030: nulls are left out, empty lists stay
        assert_eq!(
            answered("ListThings", json!({ "things": [], "nextToken": null })).await,
            (200, json!({ "things": [] }))
        );
        // API-033
        let keys = json!({ "keyPair": { "PublicKey": "a", "PrivateKey": "b" } });
        assert_eq!(answered("CreateKeysAndCertificate", keys.clone()).await, (200, keys));
    }

    #[tokio::test]
    async fn an_answer_that_does_not_fit_its_model_is_our_fault_and_says_where() {
        for (reply, place) in [
            (json!({ "thingsList": [] }), "thingsList"),
            (json!({ "things": [{ "version": "1" }] }), "version"),
            (json!({ "things": {} }), "things"),
        ] {
            let (status, body) = answered("ListThings", reply).await;
            assert_eq!(status, 500);
            assert!(body["message"].as_str().is_some_and(|message| message.contains(place)), "{body}");
        }
    }

    #[test]
    fn an_error_has_its_name_in_the_header_and_its_members_in_the_body() {
        // API-034, API-037
        let error = ApiError::already_exists("there", "id-1", "arn:1");
        let response = failure(Service::Iot, &error, "request-1");
        assert_eq!(response.status(), 409);
        assert_eq!(response.headers()["x-amzn-errortype"], "ResourceAlreadyExistsException");
        assert_eq!(response.headers()["x-amzn-requestid"], "request-1");
    }
}
