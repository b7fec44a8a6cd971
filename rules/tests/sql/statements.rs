//! What can be asked of a parsed statement, and what the limits do.

use std::str::FromStr;

use thingstead_rules::sql::{
    Answers, EvalError, Evaluated, Input, Output, Selected, SqlVersion, Statement, UnknownSqlVersion, Value,
    parse,
};

const V1: SqlVersion = SqlVersion::V2015_10_08;
const V2: SqlVersion = SqlVersion::V2016_03_23;

fn output(sql: &str, input: &Input<'_>) -> Output {
    let statement = parse(sql, V2).unwrap_or_else(|error| panic!("{}", error.render(sql)));
    match statement.evaluate(input, &Answers::none()) {
        Ok(Evaluated::Output(output)) => output,
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn versions_are_three_and_the_oldest_is_the_default() {
    // RULES-304, RULES-305, RULES-306, RULES-307
    for text in ["2015-10-08", "2016-03-23", "beta"] {
        assert_eq!(SqlVersion::from_str(text).expect(text).to_string(), text);
    }
    assert_eq!(SqlVersion::default(), V1);
    let error: UnknownSqlVersion = SqlVersion::from_str("2016-03-24").expect_err("unknown");
    assert!(error.to_string().contains("`2016-03-24`"), "{error}");
    assert!(SqlVersion::from_str("Beta").is_err());
    assert!(SqlVersion::Beta.is_v2() && V2.is_v2() && !V1.is_v2());
}

#[test]
fn a_version_decides_what_parses_and_stays_with_the_statement() {
    // RULES-308, RULES-309
    for newer in [
        "SELECT (SELECT a FROM b) AS x",
        "SELECT [1] AS x",
        "SELECT {} AS x",
        "SELECT encode(a, 'base64') AS x",
    ] {
        assert!(parse(newer, V1).is_err(), "{newer}");
        assert_eq!(parse(newer, V2).expect(newer).version(), V2);
        assert!(parse(newer, SqlVersion::Beta).is_ok(), "{newer}");
    }
    assert_eq!(parse("SELECT *", V1).expect("plain").version(), V1);
}

#[test]
fn the_topic_filter_is_the_text_of_from() {
    // RULES-069, RULES-077, RULES-341
    let filter = |sql: &str| parse(sql, V2).expect(sql).topic_filter().map(str::to_owned);
    assert_eq!(filter("SELECT * FROM 'a/+/#'").as_deref(), Some("a/+/#"));
    assert_eq!(filter("SELECT * FROM ''"), None);
    assert_eq!(filter("SELECT *"), None);
    assert_eq!(filter("SELECT * FROM 'it''s/+'").as_deref(), Some("it's/+"));
}

#[test]
fn a_rule_without_from_matches_no_topic_and_basic_ingest_topics_match_none() {
    // RULES-072, RULES-073, RULES-074, RULES-076, RULES-077
    let matches = |sql: &str, topic: &str| parse(sql, V2).expect(sql).matches(topic);
    assert!(!matches("SELECT *", "a"));
    assert!(!matches("SELECT * FROM '$aws/rules/r/a'", "$aws/rules/r/a"));
    assert!(matches("SELECT * FROM '$aws/things/+/shadow/#'", "$aws/things/t/shadow/update"));
    assert!(!matches("SELECT * FROM '#'", "$aws/things/t/shadow/update"));
    assert!(matches("SELECT * FROM 'sensor/#'", "sensor/"));
    assert!(!matches("SELECT * FROM 'sensor/#'", "sensor"));
}

#[test]
fn a_basic_ingest_message_is_evaluated_whatever_the_filter_says() {
    // RULES-367, RULES-369
    let input = Input::new(br#"{"v": 1}"#, "$aws/rules/r/x/y", 0, 0);
    let output = output("SELECT v, topic() AS t FROM 'other/#'", &input);
    assert_eq!(&*output.bytes(&input), br#"{"v":1,"t":"x/y"}"#);
}

#[test]
fn select_star_alone_hands_the_published_bytes_on() {
    // RULES-041, RULES-310, RULES-317
    for payload in [&b"{ \"b\":1.0, \"a\" : 1e2 }"[..], b"[1, 2]", b"\x00\xff", b"", b"not json"] {
        let input = Input::new(payload, "t", 0, 0);
        for sql in ["SELECT * FROM 't'", "SELECT VALUE * FROM 't'"] {
            let output = output(sql, &input);
            assert_eq!(output.result, Selected::Payload);
            assert_eq!(&*output.bytes(&input), payload);
        }
        assert_eq!(input.parse_error(), None, "nobody read the payload");
    }
    assert!(parse("SELECT *", V2).expect("star").passes_payload_through());
    assert!(!parse("SELECT *, 1 AS x", V2).expect("more").passes_payload_through());
    assert!(!parse("SELECT * AS x", V2).expect("nested").passes_payload_through());
}

#[test]
fn a_result_offers_its_bytes_its_value_and_whether_it_is_json() {
    // RULES-063, RULES-320
    let input = Input::new(br#"{"a": 1}"#, "t", 0, 0);
    let made = output("SELECT a FROM 't'", &input);
    assert!(made.is_json(&input, V2));
    assert_eq!(made.value(&input, V2).expect("an object").member("a"), &Value::Int(1));
    let whole = output("SELECT * FROM 't'", &input);
    assert!(whole.is_json(&input, V2));
    assert_eq!(whole.value(&input, V2).expect("an object").member("a"), &Value::Int(1));
    let nothing = output("SELECT VALUE q FROM 't'", &input);
    assert!(nothing.bytes(&input).is_empty() && !nothing.is_json(&input, V2));
    let binary = Input::new(b"\xff", "t", 0, 0);
    let whole = output("SELECT * FROM 't'", &binary);
    assert!(!whole.is_json(&binary, V2));
    assert_eq!(whole.value(&binary, V2), None);
}

#[test]
fn reading_a_payload_that_is_not_json_leaves_the_reason() {
    // RULES-319
    let read = |payload: &[u8], sql: &str| {
        let input = Input::new(payload, "t", 0, 0);
        parse(sql, V2).expect(sql).evaluate(&input, &Answers::none()).expect("evaluates");
        input.parse_error().map(ToString::to_string)
    };
    assert_eq!(
        read(b"{\"a\": 1", "SELECT a FROM 't'").as_deref(),
        Some("not JSON at byte 7: expected `,` or `}`")
    );
    assert_eq!(
        read(b"\xff", "SELECT 1 AS x FROM 't' WHERE a > 1").as_deref(),
        Some("not JSON at byte 0: not UTF-8")
    );
    assert_eq!(read(b"\xff", "SELECT * FROM 't' WHERE timestamp() > 1"), None);
    assert_eq!(read(b"\xff", "SELECT encode(*, 'base64') AS x FROM 't'"), None);
    assert_eq!(read(b"", "SELECT a FROM 't'"), None);
    assert!(
        read("[".repeat(200).as_bytes(), "SELECT a FROM 't'").expect("deep").contains("nested too deeply")
    );
}

#[test]
fn one_input_serves_statements_that_read_different_members() {
    let input = Input::new(br#"{"a": 1.0, "b": 2, "c": {"d": [1, 2]}}"#, "t", 0, 0);
    let run = |sql: &str, version| {
        let Ok(Evaluated::Output(output)) =
            parse(sql, version).expect(sql).evaluate(&input, &Answers::none())
        else {
            panic!("{sql} evaluates")
        };
        String::from_utf8(output.bytes(&input).into_owned()).expect("UTF-8")
    };
    assert_eq!(run("SELECT a", V2), r#"{"a":1}"#);
    assert_eq!(run("SELECT b", V2), r#"{"b":2}"#);
    assert_eq!(run("SELECT a, b", V1), r#"{"a":1.0,"b":2}"#);
    assert_eq!(
        run("SELECT *, (SELECT VALUE d FROM c) AS e", V2),
        r#"{"a":1,"b":2,"c":{"d":[1,2]},"e":[1,2]}"#
    );
    assert_eq!(
        run("SELECT c.d AS d, *.b AS e WHERE a = 1 AND NOT (b IN c.d AND b = 1)", V2),
        r#"{"d":[1,2],"e":2}"#
    );
}

#[test]
fn variables_are_limited_to_128_kib_together() {
    // RULES-037
    let text = "x".repeat(70 * 1024);
    let payload = format!(r#"{{"a": "{text}"}}"#);
    let input = Input::new(payload.as_bytes(), "t", 0, 0);
    let evaluate = |sql: &str| parse(sql, V2).expect(sql).evaluate(&input, &Answers::none());
    assert!(evaluate("SET @a = a SELECT length(@a) AS n FROM 't'").is_ok());
    assert_eq!(
        evaluate("SET @a = a, @b = a SELECT 1 AS n FROM 't'"),
        Err(EvalError::VariablesTooLarge { name: "b".to_owned(), bytes: 2 * (70 * 1024 + 2) })
    );
    assert!(evaluate("SET @a = a + a SELECT 1 AS n FROM 't'").is_err());
}

#[test]
fn variables_come_with_the_output_in_their_order() {
    // RULES-032, RULES-034
    let input = Input::new(b"{}", "t", 0, 0);
    let output = output("SET @a = 2, @b = @a * 3, @c = q SELECT 1 AS n FROM 't'", &input);
    assert_eq!(output.variables, [Value::Int(2), Value::Int(6), Value::Undefined]);
    let statement = parse("SET @a = 2, @b = 1 SELECT 1 AS n", V2).expect("parses");
    assert_eq!(statement.variables().iter().map(|name| &**name).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn transform_is_limited_to_128_kib() {
    // RULES-251
    let object = format!(r#"{{"k": "{}"}}"#, "x".repeat(1000));
    let bytes = |elements: usize| {
        let array = vec!["{}"; elements].join(",");
        let payload = format!(r#"{{"o": {object}, "l": [{array}]}}"#);
        let input = Input::new(payload.as_bytes(), "t", 0, 0);
        output("SELECT VALUE transform('enrichArray', o, l) FROM 't'", &input).bytes(&input).len()
    };
    assert!((120_000..=131_072).contains(&bytes(120)));
    assert_eq!(bytes(140), 0);
}

#[test]
fn texts_and_arrays_that_no_message_could_carry_are_undefined() {
    let long = "x".repeat(60_000);
    let payload = format!(r#"{{"s": "{long}", "r": "{long}", "l": [{}]}}"#, vec!["1"; 20_000].join(","));
    let input = Input::new(payload.as_bytes(), "t", 0, 0);
    let texts = vec!["s"; 100].join(", ");
    let arrays = vec!["l"; 100].join(", ");
    for sql in [
        format!("concat({texts})"),
        format!("concat({arrays})"),
        "replace(s, 'x', r)".to_owned(),
        "regexp_replace(s, 'x', r)".to_owned(),
    ] {
        assert!(output(&format!("SELECT VALUE {sql} FROM 't'"), &input).bytes(&input).is_empty(), "{sql}");
    }
}

#[test]
fn a_payload_is_not_repeated_until_the_memory_is_full() {
    let payload = format!(r#"{{"a": "{}"}}"#, "x".repeat(100_000));
    let input = Input::new(payload.as_bytes(), "t", 0, 0);
    let evaluate = |sql: &str| parse(sql, V2).expect(sql).evaluate(&input, &Answers::none());
    let stars = |count: usize| vec!["*"; count].join(",");
    assert!(evaluate(&format!("SELECT [{}] AS x", stars(100))).is_ok());
    assert_eq!(evaluate(&format!("SELECT [{}] AS x", stars(50_000))), Err(EvalError::ResultTooLarge));
    let many = format!(r#"{{"a": "{}", "l": [{}]}}"#, "x".repeat(50_000), vec!["1"; 1_000].join(","));
    let many = Input::new(many.as_bytes(), "t", 0, 0);
    let repeated = parse("SET @a = a SELECT (SELECT VALUE @a FROM l) AS x", V2).expect("parses");
    assert_eq!(repeated.evaluate(&many, &Answers::none()), Err(EvalError::ResultTooLarge));
    let text = output(&format!("SELECT length('' + [{}]) AS x, 1 AS y", stars(50_000)), &input);
    assert_eq!(&*text.bytes(&input), br#"{"y":1}"#);
    assert!(evaluate(&format!("SET @a = [{}] SELECT 1 AS x", stars(50_000))).is_err());
}

#[test]
fn queries_within_queries_end() {
    let payload = format!("{{\"l\": [{}]}}", vec!["1"; 1_100].join(","));
    let input = Input::new(payload.as_bytes(), "t", 0, 0);
    let evaluate = |sql: &str| parse(sql, V2).expect(sql).evaluate(&input, &Answers::none());
    assert!(evaluate("SET @l = l SELECT (SELECT VALUE 1 FROM @l) AS x").is_ok());
    assert_eq!(
        evaluate(
            "SET @l = l SELECT (SELECT VALUE EXISTS (SELECT VALUE a FROM @l AS a WHERE a = 2) FROM @l) AS x"
        ),
        Err(EvalError::TooManyElements)
    );
}

#[test]
fn a_costly_pattern_gives_up_and_is_undefined() {
    // RULES-225
    let payload = format!(r#"{{"s": "{}"}}"#, "a".repeat(60));
    let input = Input::new(payload.as_bytes(), "t", 0, 0);
    let output = output("SELECT VALUE regexp_matches(s, '^((a|aa)\\2?)+b$') FROM 't'", &input);
    assert!(output.bytes(&input).is_empty());
}

#[test]
fn an_object_of_many_members_keeps_their_order_and_the_last_of_equal_names() {
    // RULES-003, RULES-066
    let members: Vec<_> = (0..200).map(|n| format!(r#""m{}":{n}"#, n % 150)).collect();
    let payload = format!("{{{}}}", members.join(","));
    let input = Input::new(payload.as_bytes(), "t", 0, 0);
    let output = output("SELECT *, m149 AS last FROM 't'", &input);
    let bytes = output.bytes(&input).into_owned();
    let text = String::from_utf8(bytes).expect("UTF-8");
    assert!(text.starts_with(r#"{"m0":150,"m1":151,"#), "{text}");
    assert!(text.ends_with(r#""m149":149,"last":149}"#), "{text}");
}

#[test]
fn random_values_follow_from_the_seed() {
    // RULES-203, RULES-276, RULES-282
    let run = |seed: u128| {
        let input = Input::new(b"{\"l\":[1,2]}", "t", 0, seed);
        let output = output(
            "SELECT newuuid() AS a, newuuid() AS b, rand() AS c, (SELECT VALUE newuuid() FROM l) AS d",
            &input,
        );
        String::from_utf8(output.bytes(&input).into_owned()).expect("UTF-8")
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    let input = Input::new(b"{\"l\":[1,2]}", "t", 0, 1);
    let fresh = output("SELECT VALUE (SELECT VALUE newuuid() FROM l) FROM 't'", &input);
    let Some(Value::Array(drawn)) = fresh.value(&input, V2) else { panic!("an array") };
    assert_ne!(drawn[0], drawn[1], "each call draws anew");
}

#[test]
fn statements_are_values() {
    let statement: Statement = "select  a , b.c from \"t\" where not (a=1)".parse().expect("parses");
    assert_eq!(statement.to_string(), "SELECT a, b.c FROM 't' WHERE NOT a = 1");
    assert_eq!(statement, statement.to_string().parse().expect("parses"));
    // The older version keeps a Decimal without fractional part (RULES-118): it must not be printed as an Int.
    for number in ["16E0", "16", "1.0", "0E0", "12e3", "1E-9", "99999999999999999999"] {
        for version in [V1, V2] {
            let text = format!("SELECT {number} AS n, -{number} < 1 AS m");
            let statement = parse(&text, version).expect("parses");
            let printed = statement.to_string();
            assert_eq!(parse(&printed, version).as_ref(), Ok(&statement), "{printed}");
        }
    }
    assert!(!statement.looks_outward());
    let outward: Statement = "SELECT get_or_default(aws_lambda('f', *), 1) AS x".parse().expect("parses");
    assert!(outward.looks_outward());
    let proto: Statement = "SELECT decode(*, 'proto', 'b', 'k', 'f', 'm') AS x".parse().expect("parses");
    assert!(proto.looks_outward());
}
