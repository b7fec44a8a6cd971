//! `thingstead device create NAME`.

use std::io::Write;
use std::path::PathBuf;

use clap::ArgMatches;
use hyper::Method;
use serde_json::{Value, json};

use super::Failure;
use super::client::Client;
use super::kit::{Format, Kit};
use crate::config::Environment;

/// Makes a device through the server's AWS API, as a program would, and writes its kit.
pub(super) fn run(
    matches: &ArgMatches,
    sub: &ArgMatches,
    environment: Environment<'_>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let Some(("create", sub)) = sub.subcommand() else {
        return Err(Failure::usage("expected `thingstead device create NAME`"));
    };
    let name = sub.get_one::<String>("name").map_or("", String::as_str);
    check_name(name)?;
    let format = match sub.get_one::<String>("format").map(String::as_str) {
        Some("c-header") => Format::CHeader,
        Some("p12") => Format::P12 { password: sub.get_one::<String>("password").map_or("", String::as_str) },
        _ => Format::Pem,
    };
    let directory = sub.get_one::<PathBuf>("out").cloned().unwrap_or_else(|| PathBuf::from(name));
    if directory.exists() {
        return Err(Failure::new(format!(
            "{} exists already; a device kit is never overwritten (choose another with --out)",
            directory.display()
        )));
    }
    let client = Client::find(matches, environment)?;
    let endpoints = client.must(Method::GET, "/_thingstead/endpoints", None)?;
    let (host, port) = mqtt_endpoint(&client, &endpoints)?;
    let root_ca = text(&client.must(Method::GET, "/_thingstead/ca.pem", None)?, "")?;

    client.must(Method::POST, &format!("/things/{name}"), Some(&json!({})))?;
    let made = client.must(Method::POST, "/keys-and-certificate?setAsActive=true", Some(&json!({})))?;
    let principal = text(&made, "/certificateArn")?;
    let policy = format!("{name}-policy");
    let region_and_account = principal.split(':').skip(3).take(2).collect::<Vec<_>>().join(":");
    let document = policy_document(&region_and_account).to_string();
    let body = json!({ "policyDocument": document });
    let answer = client.call(Method::POST, &format!("/policies/{policy}"), Some(&body))?;
    if !answer.status.is_success() && answer.status != hyper::StatusCode::CONFLICT {
        return Err(super::client::refused(&answer));
    }
    client.must(Method::PUT, &format!("/target-policies/{policy}"), Some(&json!({ "target": principal })))?;
    attach_thing(&client, name, &principal)?;

    let (certificate, private_key) = (text(&made, "/certificatePem")?, text(&made, "/keyPair/PrivateKey")?);
    let kit = Kit {
        name,
        certificate: &certificate,
        private_key: &private_key,
        root_ca: &root_ca,
        host: &host,
        port,
    };
    let files = kit.write(&directory, format)?;
    writeln!(out, "thing        {name}")?;
    writeln!(out, "certificate  {}", text(&made, "/certificateId")?)?;
    writeln!(out, "policy       {policy} (own topics `{name}/…` and own shadows)")?;
    for file in &files {
        writeln!(out, "wrote        {}", file.display())?;
    }
    if let Format::P12 { password } = format {
        writeln!(out, "password     {password}")?;
    }
    if format == Format::Pem {
        let [subscribe, publish] = kit.commands(&directory);
        writeln!(out, "\nTry it; in one terminal:\n\n  {subscribe}\n\nand in another:\n\n  {publish}\n")?;
        writeln!(out, "Then let it try what its policy does not allow, and ask why it was refused:\n")?;
        writeln!(out, "  {}\n\n  thingstead why", kit.refused_command(&directory))?;
    }
    Ok(())
}

/// The x-amzn-principal header is how this call names the certificate.
fn attach_thing(client: &Client, name: &str, principal: &str) -> Result<(), Failure> {
    // Exclusive, so that every client id of this certificate belongs to the thing and a terminal can use several.
    let path = format!("/things/{name}/principals?thingPrincipalType=EXCLUSIVE_THING");
    client.must_with_header(Method::PUT, &path, ("x-amzn-principal", principal))
}

/// Own topics and own shadows, by the thing's name, so the same text fits every device.
fn policy_document(region_and_account: &str) -> Value {
    let arn = |resource: &str| format!("arn:aws:iot:{region_and_account}:{resource}");
    let thing = "${iot:Connection.Thing.ThingName}";
    let topics = |kind: &str| {
        [arn(&format!("{kind}/{thing}/*")), arn(&format!("{kind}/$aws/things/{thing}/shadow/*"))]
    };
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ConnectAsItself",
                "Effect": "Allow",
                "Action": "iot:Connect",
                "Resource": [arn(&format!("client/{thing}")), arn(&format!("client/{thing}-*"))],
            },
            {
                "Sid": "OwnTopics",
                "Effect": "Allow",
                "Action": ["iot:Publish", "iot:Receive", "iot:RetainPublish"],
                "Resource": topics("topic"),
            },
            {
                "Sid": "OwnFilters",
                "Effect": "Allow",
                "Action": "iot:Subscribe",
                "Resource": topics("topicfilter"),
            },
        ],
    })
}

/// The host a certificate is valid for, and the port that is really bound.
fn mqtt_endpoint(client: &Client, endpoints: &Value) -> Result<(String, u16), Failure> {
    let bound = text(endpoints, "/mqtts")?;
    let port = bound.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let port =
        port.ok_or_else(|| Failure::new(format!("the server's MQTT address `{bound}` has no port")))?;
    let answer = client.must(Method::GET, "/endpoint?endpointType=iot:Data-ATS", None)?;
    let advertised = text(&answer, "/endpointAddress")?;
    let host = advertised.split(':').next().unwrap_or("localhost").to_owned();
    Ok((host, port))
}

/// A text in an answer.
fn text(answer: &Value, pointer: &str) -> Result<String, Failure> {
    let found = if pointer.is_empty() { Some(answer) } else { answer.pointer(pointer) };
    found
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("the server's answer has no text at `{pointer}`: {answer}")))
}

fn check_name(name: &str) -> Result<(), Failure> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=121).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the device name is `{name}`, expected 1 to 121 of letters, digits, `-` and `_`"
    )))
}
