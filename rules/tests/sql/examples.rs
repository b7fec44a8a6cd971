//! Every example in the documentation of the functions comes out as documented.

use thingstead_core::Properties;
use thingstead_rules::sql::{Answers, Evaluated, Input, SqlVersion, functions, parse};

#[test]
fn the_examples_of_every_function_hold() {
    let properties = Properties {
        payload_format: Some(1),
        content_type: Some("application/json".into()),
        correlation_data: Some("cid".into()),
        user: [("k", "v1"), ("o", "w"), ("k", "v2")].map(|(k, v)| (k.into(), v.into())).into(),
        ..Properties::default()
    };
    let principal = "9f".repeat(32);
    for function in functions::all() {
        for example in function.examples {
            let mut input = Input::new(b"{}", "Buildings/B5/Floor2", 1_700_000_000_123, 1);
            input.client_id = Some("lamp-1");
            input.account_id = Some("123456789012");
            input.principal = Some(&principal);
            input.trace_id = Some("0d4f1b2c-8d3e-4f5a-9b6c-7d8e9f0a1b2c");
            input.source_ip = Some("192.0.2.7");
            input.properties = Some(&properties);
            let sql = format!("SELECT VALUE {} FROM 'a'", example.sql);
            let statement =
                parse(&sql, SqlVersion::V2016_03_23).unwrap_or_else(|error| panic!("{sql}: {error}"));
            let Ok(Evaluated::Output(output)) = statement.evaluate(&input, &Answers::none()) else {
                panic!("{sql} does not evaluate")
            };
            let got = String::from_utf8(output.bytes(&input).into_owned()).expect("UTF-8");
            let got = if got.is_empty() { "undefined".to_owned() } else { got };
            assert_eq!(got, example.result, "{sql}");
        }
    }
}

#[test]
fn every_function_is_found_in_any_letter_case_and_has_an_example_unless_it_looks_outward() {
    // RULES-002
    let mut names: Vec<_> = functions::all().map(|function| function.name.to_lowercase()).collect();
    for function in functions::all() {
        let upper = function.name.to_uppercase();
        assert_eq!(functions::find(&upper).map(|found| found.name), Some(function.name));
        let outward = ["aws_lambda", "get_dynamodb", "get_secret", "get_thing_shadow", "get_registry_data"];
        let outward = outward.contains(&function.name) || function.name == "machinelearning_predict";
        assert_eq!(function.examples.is_empty(), outward, "{}", function.name);
        assert!(function.signature.starts_with(&format!("{}(", function.name)), "{}", function.name);
        assert!(function.summary.ends_with('.'), "{}", function.name);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), functions::all().count());
}
