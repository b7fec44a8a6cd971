//! What a decision costs: ten policies of the full size with variables in every statement.
//!
//! `cargo run --release -p thingstead-policy-engine --example decision_cost`. The times are of this machine; the ratios travel.

#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the real clock")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thingstead_policy_engine::{
    Applicable, Context, Document, MAX_DOCUMENT_CHARACTERS, Request, ThingContext, ThingFacts,
    counted_characters, evaluate, permits,
};

fn main() -> Result<(), thingstead_policy_engine::PolicyError> {
    let text = full_policy();
    let policies = (0..10).map(|n| applicable(n, &text)).collect::<Result<Vec<_>, _>>()?;
    let context = Context {
        client_id: Some(Arc::from("sensor-0815")),
        thing: ThingContext::Associated(Arc::new(ThingFacts {
            name: Arc::from("sensor-0815"),
            type_name: Some(Arc::from("sensor")),
            ..ThingFacts::default()
        })),
        ..Context::default()
    };
    let refused = "arn:aws:iot:us-east-1:123456789012:topic/fleet/sensor-0815/0/elsewhere";
    let request = Request { action: "iot:Publish", resource: refused, context: &context };
    let parse = time(|| drop(black_box(Document::parse(black_box(&text)))));
    let quick = time(|| {
        black_box(permits(black_box(&policies), &request));
    });
    let explained = time(|| drop(black_box(evaluate(black_box(&policies), &request))));
    println!(
        "10 policies of {} characters, {} statements each",
        counted_characters(&text),
        statements(&policies)
    );
    println!("decision            {quick:>10.2?}");
    println!("decision explained  {explained:>10.2?}   {:>8.1} x the decision", ratio(explained, quick));
    println!("parsing one policy  {parse:>10.2?}   {:>8.1} x the decision", ratio(parse, quick));
    Ok(())
}

/// As many statements as fit, none of which covers the question, though all begin like it.
fn full_policy() -> String {
    let mut statements: Vec<String> = Vec::new();
    loop {
        let n = statements.len();
        let statement = format!(
            r#"{{"Effect":"Allow","Action":["iot:Publish","iot:Receive"],"Resource":"arn:aws:iot:us-east-1:123456789012:topic/fleet/${{iot:Connection.Thing.ThingName}}/{n}/*/${{iot:ClientId}}"}}"#
        );
        let joined =
            |all: &[String]| format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, all.join(","));
        let mut more = statements.clone();
        more.push(statement);
        if counted_characters(&joined(&more)) > MAX_DOCUMENT_CHARACTERS {
            return joined(&statements);
        }
        statements = more;
    }
}

fn applicable(n: usize, text: &str) -> Result<Applicable, thingstead_policy_engine::PolicyError> {
    let document = Arc::new(Document::parse(text)?);
    Ok(Applicable { name: format!("policy-{n}").into(), version: None, document })
}

fn statements(policies: &[Applicable]) -> usize {
    policies.first().map_or(0, |policy| policy.document.statement_count())
}

/// The best of many rounds, each of many runs.
fn time(mut run: impl FnMut()) -> Duration {
    const RUNS: u32 = 200;
    let round = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..RUNS).for_each(|_| run());
        start.elapsed() / RUNS
    };
    (0..50).map(|_| round(&mut run)).min().unwrap_or_default()
}

fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}
