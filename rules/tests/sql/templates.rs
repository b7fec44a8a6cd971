//! Substitution templates (section 9.2).

use thingstead_rules::sql::{
    Answer, Answers, Evaluated, Input, Problem, Rendered, SqlError, SqlVersion, Template, TemplateKind, json,
    parse,
};

const V1: SqlVersion = SqlVersion::V2015_10_08;
const V2: SqlVersion = SqlVersion::V2016_03_23;

fn template(text: &str) -> Result<Template, SqlError> {
    Template::parse(text, V2, &[], TemplateKind::Message)
}

fn render(text: &str) -> String {
    let payload = br#"{"t": 21.50, "d": {"id": "x"}, "l": [{"a": 1}, {"a": 2}], "nul": null, "b": true, "whole": 10.0}"#;
    let input = Input::new(payload, "room/7/climate", 1_700_000_000_123, 3);
    let template = template(text).unwrap_or_else(|error| panic!("{}", error.render(text)));
    match template.render(&input, &[], &Answers::none()) {
        Ok(Rendered::Text(text)) => text,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn values_take_the_place_of_expressions() {
    for (text, expected) in [
        // RULES-375
        ("${t}", "21.50"),
        ("fixed", "fixed"),
        ("", ""),
        // RULES-376
        ("${topic()}/${timestamp()}", "room/7/climate/1700000000123"),
        ("a${d.id}b${topic(2)}c", "axb7c"),
        // RULES-377, RULES-109
        ("${t * 2}", "43"),
        ("${t / 10}", "2.15"),
        ("${CASE b WHEN true THEN 'on' ELSE 'off' END}", "on"),
        ("${get((SELECT VALUE a FROM l WHERE a > 1), 0)}", "2"),
        ("${(SELECT VALUE a FROM l)}", "[1,2]"),
        ("${t > 20 AND b}", "true"),
        // RULES-378
        (r#"${get({"a":1},"a")}"#, "1"),
        ("${'}'}", "}"),
        ("${'it''s }'}!", "it's }!"),
        ("${{'a': {'b': 1}}}", r#"{"a":{"b":1}}"#),
        // RULES-381
        ("${d}", r#"{"id":"x"}"#),
        ("${l}", r#"[{"a":1},{"a":2}]"#),
        ("${b}", "true"),
        // RULES-382
        ("<${missing}>", "<>"),
        ("<${nul}>", "<>"),
        // What is no template stays as it is
        ("$$aws/things/${d.id}/shadow/update", "$$aws/things/x/shadow/update"),
        ("$ {t} {t} $t", "$ {t} {t} $t"),
        ("ü${t}§ 'open", "ü21.50§ 'open"),
        ("mail@example.org", "mail@example.org"),
    ] {
        assert_eq!(render(text), expected, "{text}");
    }
}

#[test]
fn templates_read_the_message_and_not_the_result() {
    // RULES-379
    let statement = parse("SELECT t AS celsius FROM 'r'", V2).expect("parses");
    let input = Input::new(br#"{"t": 5}"#, "r", 0, 0);
    let template = statement.template("${celsius}|${t}").expect("parses");
    assert_eq!(template.render(&input, &[], &Answers::none()), Ok(Rendered::Text("|5".to_owned())));
}

#[test]
fn variables_of_the_statement_are_known() {
    // RULES-034, RULES-380
    let statement = parse("SET @c = t, @f = @c * 1.8 + 32 SELECT 1 AS x FROM 'r'", V2).expect("parses");
    let input = Input::new(br#"{"t": 100}"#, "r", 0, 0);
    let Ok(Evaluated::Output(output)) = statement.evaluate(&input, &Answers::none()) else {
        panic!("evaluates")
    };
    let template = statement.template("${@c} is ${@f}").expect("parses");
    let rendered = template.render(&input, &output.variables, &Answers::none());
    assert_eq!(rendered, Ok(Rendered::Text("100 is 212".to_owned())));
    let error = statement.template("${@nope}").expect_err("unknown");
    assert_eq!(error.problem(), &Problem::UnknownVariable("nope".to_owned()));
}

#[test]
fn templates_use_the_version_of_the_rule() {
    // RULES-383
    let input = Input::new(br#"{"d": 10.0}"#, "r", 0, 0);
    let with = |version| {
        let statement = parse("SELECT *", version).expect("parses");
        let template = statement.template("${d} ${sql_version()}").expect("parses");
        template.render(&input, &[], &Answers::none()).expect("renders")
    };
    assert_eq!(with(V1), Rendered::Text("10.0 2015-10-08".to_owned()));
    assert_eq!(with(V2), Rendered::Text("10 2016-03-23".to_owned()));
    assert!(parse("SELECT *", V1).expect("parses").template("${length(d)}").is_err());
}

#[test]
fn a_template_that_cannot_be_parsed_is_refused_with_its_place() {
    // RULES-384
    for text in ["${", "${}", "${a", "${a b}", "x ${1 +}", "${nosuch()}", "${a}}${", "${'open}", "${a;}"] {
        assert!(template(text).is_err(), "{text}");
    }
    let text = "rooms/${topic(2)}/${tpic(3)}";
    let error = template(text).expect_err("tpic");
    assert_eq!(
        error.render(text),
        "error: unknown function `tpic`\n --> line 1, column 21\n  |\n1 | rooms/${topic(2)}/${tpic(3)}\n  |                     ^^^^\n  = help: did you mean `topic`?\n"
    );
    let error = template("${a").expect_err("open");
    assert_eq!(error.found(), Some("the end of the text"));
}

#[test]
fn protobuf_cannot_be_decoded_in_a_template() {
    // RULES-261, RULES-389
    let error = template("${decode(*, 'proto', 'b', 'k', 'f', 'M')}").expect_err("refused");
    assert_eq!(error.problem(), &Problem::ProtoInTemplate);
}

#[test]
fn the_per_element_form_exists_in_influxdb_only() {
    // RULES-387, RULES-388
    let error = template("@{name}").expect_err("refused");
    assert!(error.to_string().contains("influxDB"), "{error}");
    let element = |text: &str| Template::parse(text, V2, &[], TemplateKind::Element);
    assert!(element("@{a}@{b}").is_err());
    assert!(element("@{a}${b}").is_err());
    assert!(element("${b}@{a}").is_err());
    let input = Input::new(br#"{"name": "message"}"#, "r", 0, 0);
    let value = json::parse(br#"{"name": "element", "d": {"x": 1}}"#, true).expect("JSON");
    let rendered =
        |text: &str| element(text).expect(text).render_element(&input, &[], &Answers::none(), &value);
    assert_eq!(rendered("t_@{name}"), Ok(Rendered::Text("t_element".to_owned())));
    assert_eq!(rendered("@{d.x}"), Ok(Rendered::Text("1".to_owned())));
    assert_eq!(rendered("${name}"), Ok(Rendered::Text("message".to_owned())));
    let per_element = element("t_@{d.x}").expect("parses");
    assert!(per_element.is_per_element());
    assert_eq!(per_element.element_names(), ["d".into()]);
    assert!(!element("${name}").expect("parses").is_per_element());
}

#[test]
fn templates_may_look_outward() {
    let input = Input::new(br#"{"t": 1}"#, "r", 0, 0);
    let template = template("${get_secret('s', 'SecretString', 'k', 'role')}!").expect("parses");
    let Ok(Rendered::Needs(calls)) = template.render(&input, &[], &Answers::none()) else { panic!("a call") };
    let mut answers = Answers::none();
    answers.insert(calls[0].clone(), Answer::Text(r#"{"k": "open sesame"}"#.to_owned()));
    assert_eq!(template.render(&input, &[], &answers), Ok(Rendered::Text("open sesame!".to_owned())));
}

#[test]
fn each_rendering_draws_its_own_random_values() {
    // RULES-282
    let input = Input::new(b"{}", "r", 0, 9);
    let template = template("${newuuid()}").expect("parses");
    let draw = || template.render(&input, &[], &Answers::none()).expect("renders");
    assert_ne!(draw(), draw());
}

#[test]
fn templates_print_and_parse_back() {
    for text in ["a${ t+1 }b", "${{'a': 1}}", "plain", "${topic(1)}${topic(2)}"] {
        let parsed = template(text).expect(text);
        assert_eq!(template(&parsed.to_string()).expect(text), parsed, "{text}");
    }
    assert_eq!(template("fixed").expect("parses").fixed(), Some("fixed"));
    assert_eq!(template("${t}").expect("parses").fixed(), None);
}
