//! What holds for every statement and every payload.

use proptest::prelude::*;
use thingstead_rules::sql::{
    Answers, Decimal, Evaluated, Input, SqlVersion, Template, TemplateKind, Toward, json, parse,
};

use crate::any_statement::any_statement;
use crate::behaviour::assert_round_trip;

const V1: SqlVersion = SqlVersion::V2015_10_08;
const V2: SqlVersion = SqlVersion::V2016_03_23;

/// Expressions as somebody might write them, needless parentheses included.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-d][a-d0-9_]{0,2}".prop_filter("no keyword", |word| !matches!(word.as_str(), "as" | "and")),
        "[0-9]{1,3}",
        "[0-9]{1,3}\\.[0-9]{1,3}",
        Just("1E3".to_owned()),
        "'[a-z ''\"]{0,4}'".prop_filter("whole", |text| parse(&format!("SELECT {text}"), V2).is_ok()),
        Just("true".to_owned()),
        Just("Null".to_owned()),
        Just("*".to_owned()),
        Just("@v".to_owned()),
        Just("value".to_owned()),
        Just("topic(2)".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let binary = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "=", "<>", "!=", "<", "<=", ">", ">=", "IN", "AND", "OR",
        ]);
        prop_oneof![
            (inner.clone(), binary, inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("- {a}")),
            inner.clone().prop_map(|a| format!("NOT {a}")),
            inner.clone().prop_map(|a| format!("({a}).m.value")),
            inner.clone().prop_map(|a| format!("Upper({a})")),
            inner.clone().prop_map(|a| format!("cast({a} as varchar)")),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|args| format!("concat({})", args.join(","))),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|args| format!("[{}]", args.join(","))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{'k': {a}, \"l\": {b}}}")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("case {a} when {b} then {c} end")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("(select value {a} from e as x where {b})")),
            (inner.clone(), inner)
                .prop_map(|(a, b)| format!("exists (select {a} as k, b.* from e where {b})")),
        ]
    })
}

/// Tokens in any order.
fn soup() -> impl Strategy<Value = String> {
    let words = vec![
        "SELECT",
        "VALUE",
        "FROM",
        "WHERE",
        "SET",
        "AS",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "END",
        "AND",
        "OR",
        "NOT",
        "IN",
        "EXISTS",
        "true",
        "Null",
        "a",
        "b.c",
        "@v",
        "@",
        "*",
        "+",
        "-",
        "/",
        "%",
        "=",
        "<>",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        ":",
        "'x'",
        "'",
        "\"",
        "5",
        "1.5",
        "1E3",
        "get(",
        "upper(",
        "cast(",
        "Int",
        "ü",
        "😀",
        "topic()",
        "${",
        "--",
        ";",
        "regexp_replace(a,",
        "decode(*, 'base64')",
        "'a/#'",
    ];
    prop::collection::vec(prop::sample::select(words), 0..24).prop_map(|words| words.join(" "))
}

fn json_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?",
        "\"[a-zäß😀 ]{0,6}\"",
        Just(r#""\u00e9\n\"""#.to_owned()),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|elements| format!("[{}]", elements.join(" , "))),
            prop::collection::vec(("[a-e]", inner), 0..5).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_parses_prints_and_parses_back(
        items in prop::collection::vec((expression(), prop::option::of("[a-c](\\.[a-c]){0,2}")), 1..4),
        filter in prop::option::of(expression()),
        bare in any::<bool>(),
    ) {
        let items: Vec<_> = items
            .iter()
            .map(|(expr, alias)| alias.as_ref().map_or_else(|| expr.clone(), |alias| format!("{expr} AS {alias}")))
            .collect();
        let list = if bare { format!("VALUE {}", items[0]) } else { items.join(", ") };
        let filter = filter.map_or_else(String::new, |filter| format!(" WHERE {filter}"));
        let sql = format!("SET @v = 1 SELECT {list} FROM 'a/+'{filter}");
        if let Ok(statement) = parse(&sql, V2) {
            assert_round_trip(&statement, &sql);
        }
    }

    #[test]
    fn nothing_panics_and_errors_lie_within_the_text(text in prop_oneof![soup(), "\\PC{0,60}"], payload in json_value()) {
        for version in [V1, V2] {
            match parse(&text, version) {
                Ok(statement) => {
                    assert_round_trip(&statement, &text);
                    let input = Input::new(payload.as_bytes(), "a/b", 0, 0);
                    let _ = statement.evaluate(&input, &Answers::none());
                }
                Err(error) => {
                    prop_assert!(error.position().line as usize <= text.lines().count().max(1) + 1);
                    prop_assert!(error.render(&text).starts_with("error: "));
                }
            }
        }
        if let Ok(template) = Template::parse(&text, V2, &[], TemplateKind::Message) {
            let input = Input::new(payload.as_bytes(), "a/b", 0, 0);
            let _ = template.render(&input, &[], &Answers::none());
        }
    }

    #[test]
    fn evaluation_repeats_itself(expr in expression(), payload in json_value()) {
        let sql = format!("SET @v = a SELECT {expr} AS x, newuuid() AS u FROM 'a/b'");
        if let Ok(statement) = parse(&sql, V2) {
            let input = Input::new(payload.as_bytes(), "a/b", 0, 7);
            let first = statement.evaluate(&input, &Answers::none());
            prop_assert_eq!(&first, &statement.evaluate(&input, &Answers::none()));
            if let Ok(Evaluated::Output(output)) = first {
                let bytes = output.bytes(&input);
                prop_assert!(json::parse(&bytes, false).is_ok(), "{}", String::from_utf8_lossy(&bytes));
            }
        }
    }

    #[test]
    fn json_comes_out_as_it_went_in(text in json_value()) {
        // RULES-116, RULES-117: no digit is lost, in either version.
        let value = json::parse(text.as_bytes(), false).expect("JSON");
        let again = json::parse(json::text(&value).as_bytes(), false).expect("JSON");
        prop_assert!(thingstead_rules::sql::equal(&again, &value), "{again} {value}");
        let folded = json::parse(text.as_bytes(), true).expect("JSON");
        prop_assert!(thingstead_rules::sql::equal(&folded, &value), "{folded} {value}");
    }

    #[test]
    fn reading_some_members_is_reading_all(text in json_value(), cut in 0_usize..400) {
        // A statement that names its attributes skips the others, but checks them.
        let text = text.get(..cut).unwrap_or(&text);
        let run = |sql: &str| {
            let input = Input::new(text.as_bytes(), "t", 0, 0);
            let Ok(Evaluated::Output(output)) = parse(sql, V2).expect("parses").evaluate(&input, &Answers::none()) else {
                panic!("evaluates")
            };
            (output.bytes(&input).into_owned(), input.parse_error().cloned())
        };
        prop_assert_eq!(
            run("SELECT a, b.c AS y, exists (select * from c) AS z"),
            run("SELECT get(*, 'a') AS a, get(get(*, 'b'), 'c') AS y, exists (select * from get(*, 'c')) AS z")
        );
    }

    #[test]
    fn json_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let ours = json::parse(&bytes, true).is_ok();
        prop_assert_eq!(ours, serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok());
    }

    #[test]
    fn decimals_agree_with_integers(a in -1_000_000_000_000_i128..1_000_000_000_000, b in -1_000_000_i128..1_000_000, scale in 0_u32..6) {
        // RULES-114, RULES-179, RULES-195
        let shifted = |value: i128| Decimal::parse(&format!("{value}E-{scale}")).expect("a number").value;
        let plain = |value: i128| Decimal::from_int(value).expect("small");
        prop_assert!(shifted(a).plus(shifted(b)).expect("fits").compare(shifted(a + b)).is_eq());
        prop_assert!(shifted(a).minus(shifted(b)).expect("fits").compare(shifted(a - b)).is_eq());
        prop_assert!(plain(a).times(plain(b)).expect("fits").compare(plain(a * b)).is_eq());
        prop_assert_eq!(shifted(a).compare(shifted(b)), a.cmp(&b));
        if b != 0 {
            prop_assert!(plain(a).remainder(plain(b)).expect("fits").compare(plain(a % b)).is_eq());
            let product = plain(a).times(plain(b)).expect("fits");
            prop_assert!(product.divided_by(plain(b)).expect("fits").compare(plain(a)).is_eq());
        }
        let unit = 10_i128.pow(scale);
        prop_assert_eq!(shifted(a).to_int_saturating(Toward::Down), a.div_euclid(unit));
        prop_assert_eq!(shifted(a).to_int_saturating(Toward::Zero), a / unit);
    }

    #[test]
    fn times_written_by_one_function_are_read_by_the_other(ms in -2_000_000_000_000_i64..4_000_000_000_000) {
        // RULES-265, RULES-268
        let sql = "SELECT VALUE time_to_epoch(parse_time('yyyy-MM-dd HH:mm:ss.SSS', ms), 'yyyy-MM-dd HH:mm:ss.SSS') FROM 't'";
        let payload = format!("{{\"ms\":{ms}}}");
        let input = Input::new(payload.as_bytes(), "t", 0, 0);
        let Ok(Evaluated::Output(output)) = parse(sql, V2).expect("parses").evaluate(&input, &Answers::none()) else {
            panic!("evaluates")
        };
        let bytes = output.bytes(&input).into_owned();
        prop_assert_eq!(String::from_utf8(bytes).expect("UTF-8"), ms.to_string());
    }
}

#[test]
fn deep_nesting_is_refused_and_long_chains_are_not() {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("SELECT {}1{} AS x FROM 't'", open.repeat(depth), close.repeat(depth))
    };
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("abs(", ")"),
        ("- ", ""),
        ("NOT ", ""),
        ("{'a': ", "}"),
        ("(SELECT VALUE ", " FROM a)"),
        ("CASE 1 WHEN 1 THEN ", " END"),
    ] {
        let statement = parse(&nested(open, close, 28), V2).expect(open);
        assert_round_trip(&statement, open);
        let input = Input::new(b"{\"a\": {\"a\": 1}}", "t", 0, 0);
        assert!(statement.evaluate(&input, &Answers::none()).is_ok(), "{open}");
        for depth in [70, 1_000, 50_000] {
            let error = parse(&nested(open, close, depth), V2).expect_err(open);
            assert!(error.to_string().contains("nested more than"), "{open}: {error}");
        }
    }
    let members = format!("SELECT a{} AS x FROM 't'", ".b".repeat(50_000));
    assert!(parse(&members, V2).is_err());
    for op in [" + ", " AND ", " OR ", " * "] {
        let chain = vec!["a"; 20_000].join(op);
        let statement = parse(&format!("SELECT {chain} AS x FROM 't'"), V2).expect("parses");
        assert_round_trip(&statement, op);
        let input = Input::new(b"{\"a\": 1}", "t", 0, 0);
        assert!(statement.evaluate(&input, &Answers::none()).is_ok());
    }
}

#[test]
fn what_the_fuzz_target_checks_holds_for_seeded_statements() {
    let config =
        proptest::test_runner::Config { cases: 1_000, failure_persistence: None, ..Default::default() };
    let seed = b"the thing meets at the old place";
    let rng = proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, seed);
    let text = prop_oneof![expression().prop_map(|text| format!("SELECT {text} AS x FROM 'a/#'")), soup()];
    let payload = prop_oneof![
        Just(br#"{"a":1,"b":{"c":[1,"x",null]},"e":[{"m":2}]}"#.to_vec()),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    proptest::test_runner::TestRunner::new_with_rng(config, rng)
        .run(&(any::<u8>(), text, payload), |(choice, text, payload)| {
            let mut data = vec![choice];
            data.extend_from_slice(text.as_bytes());
            data.push(b'\n');
            data.extend(payload);
            any_statement(&data);
            Ok(())
        })
        .unwrap();
}
