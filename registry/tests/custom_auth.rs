//! Custom authentication: what functions are told, which answers are believed, and who is refused before they are asked.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parking_lot::Mutex;
use rcgen::KeyPair;
use serde_json::{Value, json};
use thingstead_core::wiring::{FunctionError, Functions, Invocation, Invoked};
use thingstead_core::{CertificateId, Outcome, Principal, Scope};
use thingstead_policy_engine::Protocol;
use thingstead_registry::custom_auth::{
    Admission, AnswerFlaw, Attempt, AuthorizerChoice, CallbackRefusal, CertificateCallback, HttpContext,
    KeptAdmissions, MqttContext, PresentedCertificate, Refusal, TestInvocation, Tested, TlsContext,
};
use thingstead_registry::{Action, AuthorityRequest, AuthorizerStatus, CreateAuthorizer, UpdateAuthorizer};

use crate::authorizers::{FUNCTION, rsa, signed, unsigned};
use crate::support::{NOW, World, run, world};

/// A function that answers what the test says, and remembers its events.
pub(crate) struct Stub {
    answer: Mutex<Result<Bytes, FunctionError>>,
    calls: Mutex<Vec<(Invocation, Value)>>,
}

impl Functions for Stub {
    fn invoke(&self, invocation: Invocation) -> Invoked {
        let event = serde_json::from_slice(&invocation.event).expect("a JSON event");
        self.calls.lock().push((invocation, event));
        let answer = self.answer.lock().clone();
        Box::pin(async move { answer })
    }
}

impl Stub {
    fn answer(&self, answer: &Value) {
        *self.answer.lock() = Ok(answer.to_string().into());
    }

    fn event(&self) -> Value {
        self.calls.lock().last().expect("a call").1.clone()
    }

    fn calls(&self) -> usize {
        self.calls.lock().len()
    }
}

/// A registry whose functions are a stub that lets everybody in.
fn gated(authorizers: impl IntoIterator<Item = CreateAuthorizer>) -> (World, Arc<Stub>) {
    let world = world();
    let stub = Arc::new(Stub { answer: Mutex::new(Ok(Bytes::new())), calls: Mutex::default() });
    stub.answer(&welcome());
    world.registry.call_functions_with(stub.clone());
    for authorizer in authorizers {
        run(world.registry.create_authorizer(&world.scope, authorizer)).expect("created");
    }
    (world, stub)
}

fn welcome() -> Value {
    json!({
        "isAuthenticated": true,
        "principalId": "alice",
        "policyDocuments": [{
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": "iot:*", "Resource": "*" }],
        }],
        "disconnectAfterInSeconds": 3600,
        "refreshAfterInSeconds": 300,
    })
}

fn with(member: &str, value: Value) -> Value {
    let mut answer = welcome();
    answer[member] = value;
    answer
}

fn without(member: &str) -> Value {
    let mut answer = welcome();
    answer.as_object_mut().expect("an object").remove(member);
    answer
}

fn attempt(scope: &Scope, user_name: &str) -> Attempt {
    Attempt {
        scope: scope.clone(),
        connection: "connection-1".into(),
        choice: AuthorizerChoice::default(),
        tls: Some(TlsContext { server_name: Some("iot.example".into()), certificate: None }),
        http: None,
        mqtt: Some(MqttContext {
            user_name: Some(user_name.into()),
            password: Some(Bytes::from_static(b"\xff\x00secret")),
            client: Some("lamp-1".into()),
        }),
    }
}

fn ask(world: &World, attempt: &Attempt) -> Result<Admission, Refusal> {
    run(world.registry.authenticate(attempt))
}

/// As a client makes it: RSASSA-PKCS1-v1_5 over SHA-256, base64.
fn signature(key: &KeyPair, token: &str) -> String {
    let pair = RsaKeyPair::from_pkcs8(&key.serialize_der()).expect("a key");
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature).expect("signed");
    STANDARD.encode(signature)
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn the_function_is_told_what_each_layer_knows() {
    // AUTH-170, AUTH-183, AUTH-190, AUTH-191, AUTH-192, AUTH-194, AUTH-195, AUTH-220, MQTT-019, MQTT-021, MQTT-026
    let token_key = Some("tok".to_owned());
    let (world, stub) = gated([CreateAuthorizer { token_key_name: token_key, ..unsigned("Gate") }]);
    let user_name = "sensor?x-amz-customauthorizer-name=Gate&tok=a%2Bb%20c";
    ask(&world, &attempt(&world.scope, user_name)).expect("admitted");
    let expected = json!({
        "token": "a+b c",
        "signatureVerified": false,
        "protocols": ["tls", "mqtt"],
        "protocolData": {
            "tls": { "serverName": "iot.example" },
            "mqtt": { "username": user_name, "password": STANDARD.encode(b"\xff\x00secret"), "clientId": "lamp-1" },
        },
        "connectionMetadata": { "id": "connection-1" },
    });
    assert_eq!(stub.event(), expected);
    let (invocation, _) = stub.calls.lock().first().expect("a call").clone();
    assert_eq!((&*invocation.function, invocation.limit), (FUNCTION, Duration::from_secs(5)));

    // What the client did not send is not there.
    let bare = Attempt {
        tls: Some(TlsContext::default()),
        mqtt: Some(MqttContext::default()),
        ..attempt(&world.scope, "")
    };
    run(world.registry.set_default_authorizer(&world.scope, "Gate")).expect("the default");
    ask(&world, &bare).expect("admitted");
    assert_eq!(stub.event()["protocolData"], json!({ "tls": {}, "mqtt": {} }));
    assert_eq!(stub.event().get("token"), None);
}

#[test]
fn http_requests_name_the_authorizer_in_a_header_or_in_the_query() {
    // AUTH-167, AUTH-168, AUTH-169, AUTH-174, AUTH-193, MQTT-018
    let key = rsa();
    let (world, stub) = gated([signed("Gate", &key)]);
    let good = signature(&key, "t0k");
    let request = |headers: &[(&str, &str)], query: Option<&str>| Attempt {
        http: Some(Arc::new(HttpContext {
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            query: query.map(str::to_owned),
        })),
        mqtt: None,
        ..attempt(&world.scope, "")
    };
    let headers = [
        ("X-Amz-CustomAuthorizer-Name", "Gate"),
        ("x-amz-customauthorizer-signature", good.as_str()),
        ("TOK", "t0k"),
        ("accept", "text/plain"),
        ("accept", "*/*"),
    ];
    ask(&world, &request(&headers, None)).expect("admitted");
    let event = stub.event();
    assert_eq!((&event["token"], &event["signatureVerified"]), (&json!("t0k"), &json!(true)));
    assert_eq!(event["protocols"], json!(["tls", "http"]));
    assert_eq!(event["protocolData"]["http"]["headers"]["accept"], "text/plain, */*");
    assert_eq!(event["protocolData"]["http"].get("queryString"), None);
    let query = format!(
        "x-amz-customauthorizer-name=Gate&x-amz-customauthorizer-signature={}&tok=t0k",
        percent_encoded(&good)
    );
    ask(&world, &request(&[], Some(&query))).expect("admitted");
    assert_eq!(stub.event()["protocolData"]["http"]["queryString"], format!("?{query}"));
    // Names in queries have a case.
    let refusal = ask(&world, &request(&[], Some(&query.replace("tok=", "TOK=")))).expect_err("no token");
    assert_eq!(refusal, Refusal::NoToken { authorizer: "Gate".into(), key: "tok".into() });
}

#[test]
fn the_named_authorizer_goes_before_the_defaults() {
    // AUTH-154, AUTH-158, AUTH-165, AUTH-166, AUTH-171, AUTH-224, MQTT-020
    let (world, _stub) = gated(["Named", "Domain", "Account"].map(unsigned));
    let of = |user_name: &str, default: Option<&str>, may_override: bool| {
        let choice = AuthorizerChoice { default: default.map(Arc::from), may_override };
        ask(&world, &Attempt { choice, ..attempt(&world.scope, user_name) })
    };
    let admitted = |user_name, default, may_override| {
        of(user_name, default, may_override).expect("admitted").authorizer.to_string()
    };
    let nobody = of("", None, true).expect_err("nobody to ask");
    assert_eq!(nobody, Refusal::NoDefault { scope: world.scope.clone() });
    assert_eq!(nobody.log_reason(), "CUSTOM_AUTHORIZER_NOT_FOUND");
    run(world.registry.set_default_authorizer(&world.scope, "Account")).expect("the default");
    let named = "u?x-amz-customauthorizer-name=Named";
    assert_eq!(admitted("u", None, true), "Account");
    assert_eq!(admitted("", None, true), "Account");
    assert_eq!(admitted("u?other=1", Some("Domain"), true), "Domain");
    assert_eq!(admitted(named, Some("Domain"), true), "Named");
    assert_eq!(admitted("u?x-amz-customauthorizer-name=%4Eamed", None, true), "Named");
    assert_eq!(admitted("?x-amz-customauthorizer-name=Domain", Some("Domain"), false), "Domain");
    let refusal = of(named, Some("Domain"), false).expect_err("no override");
    assert_eq!(refusal.log_reason(), "CUSTOM_AUTHORIZER_PARAMETER_INVALID");
    assert!(refusal.to_string().contains("allows `Domain` only"), "{refusal}");

    let unknown = of("u?x-amz-customauthorizer-name=Nobody", None, true).expect_err("unknown");
    assert_eq!(unknown.log_reason(), "CUSTOM_AUTHORIZER_NOT_FOUND");
    let inactive =
        UpdateAuthorizer { status: Some(AuthorizerStatus::Inactive), ..UpdateAuthorizer::default() };
    run(world.registry.update_authorizer(&world.scope, "Named", inactive)).expect("changed");
    let refusal = of(named, None, true).expect_err("inactive");
    assert_eq!(refusal, Refusal::Inactive { authorizer: "Named".into() });
    assert_eq!(refusal.log_reason(), "CUSTOM_AUTHORIZER_NOT_FOUND");
    // An authorizer of another Region is not used, and is pointed out.
    let elsewhere = Scope::new("123456789012", "us-west-2");
    run(world.registry.create_authorizer(&elsewhere, unsigned("Far"))).expect("created");
    let refusal = of("?x-amz-customauthorizer-name=Far", None, true).expect_err("elsewhere");
    assert!(refusal.fix().contains("123456789012/us-west-2"), "{}", refusal.fix());
}

#[test]
fn a_token_without_a_good_signature_never_reaches_the_function() {
    // AUTH-180, AUTH-181, AUTH-182, AUTH-184, MQTT-025
    let (first, second, stranger) = (rsa(), rsa(), rsa());
    let mut asked = signed("Gate", &first);
    asked.token_signing_public_keys.insert("second".to_owned(), second.public_key_pem());
    let open = CreateAuthorizer { token_key_name: Some("tok".to_owned()), ..unsigned("Open") };
    let (world, stub) = gated([asked, open]);
    let user_name = |authorizer: &str, token: Option<&str>, signature: Option<&str>| {
        let token = token.map(|token| format!("&tok={token}")).unwrap_or_default();
        let signature = signature
            .map(|signature| format!("&x-amz-customauthorizer-signature={}", percent_encoded(signature)))
            .unwrap_or_default();
        format!("?x-amz-customauthorizer-name={authorizer}{signature}{token}")
    };
    let of = |authorizer: &str, token: Option<&str>, signature: Option<&str>| {
        ask(&world, &attempt(&world.scope, &user_name(authorizer, token, signature)))
    };
    let wrong = signature(&stranger, "t0k");
    for (token, signed) in [
        (None, Some(signature(&first, "t0k"))),
        (Some("t0k"), None),
        (Some("t0k"), Some(wrong.clone())),
        (Some("t0k"), Some(signature(&first, "t0k\n"))),
        (Some("t0k"), Some("not base64!".to_owned())),
    ] {
        let refusal = of("Gate", token, signed.as_deref()).expect_err("refused");
        assert_eq!(refusal.log_reason(), "CUSTOM_AUTHORIZER_PARAMETER_INVALID", "{refusal}");
    }
    assert_eq!(stub.calls(), 0);
    for key in [&first, &second] {
        of("Gate", Some("t0k"), Some(&signature(key, "t0k"))).expect("any of the keys");
        assert_eq!(stub.event()["signatureVerified"], true);
    }
    // Base64 that nobody percent-encoded is understood as well.
    let raw = format!(
        "?x-amz-customauthorizer-name=Gate&tok=t0k&x-amz-customauthorizer-signature={}",
        signature(&first, "t0k")
    );
    ask(&world, &attempt(&world.scope, &raw)).expect("admitted");
    of("Open", Some("t0k"), Some(&wrong)).expect("nobody looks at it");
    assert_eq!(stub.event()["signatureVerified"], false);
}

#[test]
fn an_answer_is_believed_whole_or_not_at_all() {
    // AUTH-200, AUTH-201, AUTH-202, AUTH-203, AUTH-204, AUTH-205, AUTH-206, POLICY-039, MQTT-022, MQTT-026
    let (world, stub) = gated([unsigned("Gate")]);
    let attempt = attempt(&world.scope, "?x-amz-customauthorizer-name=Gate");
    let document = welcome()["policyDocuments"][0].clone();
    let padded = |length: usize| {
        let mut document = document.clone();
        document["Id"] = json!("");
        let bare = document.to_string().len();
        document["Id"] = json!("x".repeat(length - bare));
        document
    };
    for good in [
        welcome(),
        with("context", json!({ "ignored": true })),
        with("principalId", json!("a".repeat(128))),
        with("policyDocuments", json!([])),
        with("policyDocuments", json!([document.to_string()])),
        with("policyDocuments", json!(vec![padded(2_048); 10])),
        with("disconnectAfterInSeconds", json!(300)),
        with("disconnectAfterInSeconds", json!(86_400)),
        with("refreshAfterInSeconds", json!(86_400)),
    ] {
        stub.answer(&good);
        ask(&world, &attempt).expect("believed");
    }
    for (bad, names) in [
        (without("principalId"), "it has no `principalId`"),
        (with("principalId", json!("alice@example")), "`principalId` is `alice@example`"),
        (with("principalId", json!("")), "1 to 128 letters and digits"),
        (with("principalId", json!("a".repeat(129))), "1 to 128 letters and digits"),
        (with("principalId", json!(7)), "`principalId` is `7`"),
        (without("policyDocuments"), "it has no `policyDocuments`"),
        (with("policyDocuments", document.clone()), "`policyDocuments` is no array"),
        (with("policyDocuments", json!(vec![document.clone(); 11])), "has 11 documents, and at most 10"),
        (with("policyDocuments", json!([padded(2_049)])), "`policyDocuments[0]` has 2049 characters"),
        (with("policyDocuments", json!([document, "{}"])), "`policyDocuments[1]` is no policy document"),
        (with("policyDocuments", json!([7])), "`policyDocuments[0]` is no policy document"),
        (with("disconnectAfterInSeconds", json!(299)), "`disconnectAfterInSeconds` is 299"),
        (with("disconnectAfterInSeconds", json!(86_401)), "an integer from 300 to 86400"),
        (with("refreshAfterInSeconds", json!(299)), "`refreshAfterInSeconds` is 299"),
        (with("refreshAfterInSeconds", json!("300")), "`refreshAfterInSeconds` is \"300\""),
        (json!([]), "a JSON object is needed"),
    ] {
        stub.answer(&bad);
        let refusal = ask(&world, &attempt).expect_err("not believed");
        assert_eq!(refusal.log_reason(), "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR");
        assert!(refusal.to_string().contains(names), "{refusal}");
    }
    for stranger in [json!(false), json!("true"), json!(1), Value::Null] {
        stub.answer(&with("isAuthenticated", stranger));
        let refusal = ask(&world, &attempt).expect_err("a stranger");
        assert_eq!(refusal, Refusal::NotAuthenticated { authorizer: "Gate".into() });
        assert_eq!(refusal.log_reason(), "NOT_AUTHENTICATED");
    }
    *stub.answer.lock() = Ok(Bytes::from_static(b"<html>"));
    let refusal = ask(&world, &attempt).expect_err("no JSON");
    assert!(matches!(refusal, Refusal::AnswerInvalid { flaw: AnswerFlaw::NoJson(_), .. }), "{refusal:?}");
    for error in
        [FunctionError::TimedOut(Duration::from_secs(5)), FunctionError::NotConfigured(FUNCTION.into())]
    {
        *stub.answer.lock() = Err(error);
        let refusal = ask(&world, &attempt).expect_err("no answer");
        assert_eq!(refusal.log_reason(), "CUSTOM_AUTHORIZER_LAMBDA_EXECUTION_ERROR");
    }
    // The times of an answer that leaves them out.
    stub.answer(&json!({ "isAuthenticated": true, "principalId": "bob", "policyDocuments": [] }));
    let admission = ask(&world, &attempt).expect("believed");
    assert_eq!((admission.disconnect_after.as_secs(), admission.refresh_after), (86_400, None));
}

#[test]
fn the_answered_documents_are_the_principals_only_policies() {
    // AUTH-208, AUTH-209, POLICY-367
    let (world, stub) = gated([unsigned("Gate")]);
    stub.answer(&with(
        "policyDocuments",
        json!([
            {
                "Version": "2012-10-17",
                "Statement": [
                    { "Effect": "Allow", "Action": "iot:Publish",
                      "Resource": ["arn:aws:iot:*:*:topic/${iot:ClientId}/*",
                                   "arn:aws:iot:*:*:topic/things/${iot:Connection.Thing.ThingName}"] },
                ],
            },
            "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"iot:Publish\",\
              \"Resource\":\"arn:aws:iot:*:*:topic/*/secret\"}]}",
        ]),
    ));
    let admission =
        ask(&world, &attempt(&world.scope, "?x-amz-customauthorizer-name=Gate")).expect("admitted");
    assert_eq!(admission.principal.to_string(), "alice");
    let thing = thingstead_registry::CreateThing { name: "lamp-1".into(), ..Default::default() };
    run(world.registry.create_thing(&world.scope, thing)).expect("a thing of the client's name");
    let mut request = AuthorityRequest::new(world.scope.clone(), admission.principal, Protocol::Mqtt);
    request.client = Some("lamp-1".into());
    request.documents = admission.documents;
    let mut authority = world.registry.authority(request);
    let mut outcome = |topic| authority.decide(Action::Publish, topic);
    assert_eq!(outcome("lamp-1/state").outcome, Outcome::Allowed);
    assert_eq!(outcome("lamp-2/state").outcome, Outcome::ImplicitDeny);
    assert_eq!(outcome("things/lamp-1").outcome, Outcome::ImplicitDeny);
    let denied = outcome("lamp-1/secret");
    assert_eq!(denied.outcome, Outcome::ExplicitDeny);
    assert!(denied.why.contains("Gate/policyDocuments[1]"), "{}", denied.why);
}

#[test]
fn next_to_a_certificate_the_principal_is_the_certificate() {
    // AUTH-197, AUTH-207
    let (world, stub) = gated([unsigned("Gate")]);
    let id = CertificateId::from("ab".repeat(32));
    let certificate = PresentedCertificate { id: id.clone(), der: Bytes::from_static(b"der") };
    let tls = Some(TlsContext { server_name: None, certificate: Some(certificate) });
    let attempt = Attempt { tls, ..attempt(&world.scope, "?x-amz-customauthorizer-name=Gate") };
    let refusal = ask(&world, &attempt).expect_err("another principal");
    assert!(refusal.to_string().contains(&*id), "{refusal}");
    let tls = stub.event()["protocolData"]["tls"].clone();
    assert_eq!(tls["principalId"], json!(id));
    assert!(tls["x509CertificatePem"].as_str().is_some_and(|pem| pem.contains("BEGIN CERTIFICATE")));
    let mut answer = with("principalId", json!(id));
    answer.as_object_mut().expect("an object").remove("policyDocuments");
    stub.answer(&answer);
    let admission = ask(&world, &attempt).expect("admitted");
    let expected = Principal::Custom { principal_id: id.shared(), certificate: Some(id) };
    assert_eq!((admission.principal, admission.documents.len()), (expected, 0));
}

#[test]
fn an_answer_is_kept_for_the_same_credentials_only_and_not_for_ever() {
    // AUTH-219
    let cached = CreateAuthorizer { enable_caching_for_http: true, ..unsigned("Gate") };
    let (world, _stub) = gated([cached, unsigned("Fresh")]);
    let http = |token: &str, body: &str| HttpContext {
        headers: vec![("tok".to_owned(), token.to_owned()), ("content-length".to_owned(), body.to_owned())],
        query: None,
    };
    let kept = KeptAdmissions::default();
    for (name, keeps) in [("Fresh", false), ("Gate", true)] {
        let user_name = format!("?x-amz-customauthorizer-name={name}");
        let admission = ask(&world, &attempt(&world.scope, &user_name)).expect("admitted");
        kept.put(&http("a", "1"), &admission, NOW);
        assert_eq!(kept.get(&http("a", "2"), NOW).is_some(), keeps, "{name}");
    }
    assert!(kept.get(&http("b", "1"), NOW).is_none());
    assert!(kept.get(&http("a", "1"), NOW.plus(Duration::from_secs(299))).is_some());
    assert!(kept.get(&http("a", "1"), NOW.plus(Duration::from_secs(300))).is_none());
    assert!(KeptAdmissions::default().get(&http("a", "1"), NOW).is_none());
}

#[test]
fn a_test_invocation_tells_the_function_only_what_it_was_given() {
    // AUTH-225, AUTH-226, AUTH-227, AUTH-228, API-334
    let key = rsa();
    let (world, stub) = gated([signed("Gate", &key)]);
    let test = |test: TestInvocation| run(world.registry.test_invoke_authorizer(&world.scope, test));
    let asked = TestInvocation {
        authorizer: "Gate".to_owned(),
        token: Some("t0k".to_owned()),
        signature: Some(signature(&key, "t0k")),
        ..TestInvocation::default()
    };
    let tested = test(asked.clone()).expect("an answer");
    let expected = Tested::Authenticated {
        principal_id: "alice".into(),
        policy_documents: vec![welcome()["policyDocuments"][0].to_string()],
        refresh_after: Some(Duration::from_secs(300)),
        disconnect_after: Duration::from_secs(3_600),
    };
    assert_eq!(tested, expected);
    assert_eq!((&stub.event()["protocols"], &stub.event()["protocolData"]), (&json!([]), &json!({})));
    assert_eq!(stub.event()["signatureVerified"], true);
    let http = Some(HttpContext { headers: Vec::new(), query: Some("?a=b".to_owned()) });
    test(TestInvocation { http, ..asked.clone() }).expect("an answer");
    assert_eq!(stub.event()["protocolData"], json!({ "http": { "headers": {}, "queryString": "?a=b" } }));
    let calls = stub.calls();
    let other = TestInvocation { signature: Some(signature(&rsa(), "t0k")), ..asked.clone() };
    assert!(matches!(
        test(other).expect("an answer"),
        Tested::NotAuthenticated(Refusal::SignatureWrong { .. })
    ));
    assert_eq!(stub.calls(), calls);
    stub.answer(&with("isAuthenticated", json!(false)));
    assert!(matches!(test(asked.clone()), Ok(Tested::NotAuthenticated(Refusal::NotAuthenticated { .. }))));
    stub.answer(&without("principalId"));
    let error = test(asked.clone()).expect_err("an invalid answer");
    assert_eq!((error.code(), error.status()), ("InvalidResponseException", 400));
    let unknown = TestInvocation { authorizer: "None".to_owned(), ..asked };
    assert_eq!(test(unknown).expect_err("unknown").code(), "ResourceNotFoundException");
}

#[test]
fn the_certificate_callback_must_say_true() {
    // AUTH-062, AUTH-063, AUTH-064
    let (world, stub) = gated([]);
    let callback = CertificateCallback {
        scope: world.scope.clone(),
        function: FUNCTION.into(),
        certificate: "ab".repeat(32).into(),
        server_name: Some("iot.example".into()),
        chain: vec![Bytes::from_static(b"leaf"), Bytes::from_static(b"issuer")],
    };
    let call = || run(world.registry.call_back(&callback));
    assert_eq!(call(), Ok(()));
    let event = stub.event();
    assert_eq!(
        (&event["principalId"], &event["serverName"]),
        (&json!("ab".repeat(32)), &json!("iot.example"))
    );
    assert_eq!(event["clientCertificateChain"].as_array().map(Vec::len), Some(2));
    assert!(event["connectionMetadata"]["id"].is_string());
    for answer in
        [json!({ "isAuthenticated": false }), json!({ "isAuthenticated": "true" }), json!({}), json!(true)]
    {
        stub.answer(&answer);
        assert_eq!(call(), Err(CallbackRefusal::NotAuthenticated { function: FUNCTION.into() }));
    }
    *stub.answer.lock() = Err(FunctionError::TimedOut(Duration::from_secs(5)));
    assert!(matches!(call(), Err(CallbackRefusal::Failed { .. })));
}
