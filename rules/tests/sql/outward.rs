//! Functions that look outward: what they ask, how answers are read, what failures do (section 5.6).

use bytes::Bytes;
use thingstead_rules::sql::{Answer, Answers, Call, EvalError, Evaluated, Input, SqlVersion, Value, parse};

const PAYLOAD: &[u8] = br#"{"id": "lamp", "n": 7, "e": [{"id": "a"}, {"id": "b"}], "rec": {"x": 1.5, "o": {"k": [1]}, "nul": null}}"#;

/// Evaluates, lets `answer` answer what is asked, until there is a result; also says how many rounds it took.
fn run(sql: &str, answer: impl Fn(&Call) -> Answer) -> (Result<String, EvalError>, usize) {
    let statement =
        parse(sql, SqlVersion::V2016_03_23).unwrap_or_else(|error| panic!("{}", error.render(sql)));
    let input = Input::new(PAYLOAD, "room/7", 1_700_000_000_123, 5);
    let mut answers = Answers::none();
    for round in 1..10 {
        match statement.evaluate(&input, &answers) {
            Ok(Evaluated::Needs(calls)) => {
                assert!(!calls.is_empty());
                for call in calls {
                    assert_eq!(answers.get(&call), None, "asked again: {call}");
                    let answer = answer(&call);
                    answers.insert(call, answer);
                }
            }
            Ok(Evaluated::NoMatch) => return (Ok("no match".to_owned()), round),
            Ok(Evaluated::Output(output)) => {
                return (Ok(String::from_utf8(output.bytes(&input).into_owned()).expect("UTF-8")), round);
            }
            Err(error) => return (Err(error), round),
        }
    }
    panic!("{sql}: no end of questions")
}

/// The calls that the first evaluation asks for.
fn asked(sql: &str) -> Vec<Call> {
    let statement =
        parse(sql, SqlVersion::V2016_03_23).unwrap_or_else(|error| panic!("{}", error.render(sql)));
    let input = Input::new(PAYLOAD, "room/7", 1_700_000_000_123, 5);
    match statement.evaluate(&input, &Answers::none()) {
        Ok(Evaluated::Needs(calls)) => calls,
        other => panic!("{sql}: {other:?}"),
    }
}

fn json(text: &str) -> Answer {
    Answer::Json(Bytes::copy_from_slice(text.as_bytes()))
}

fn failed(reason: &str) -> Answer {
    Answer::Failed(reason.to_owned())
}

#[test]
fn each_function_asks_what_its_arguments_say() {
    let role = || "role".to_owned();
    // RULES-290
    assert_eq!(
        asked("SELECT aws_lambda('arn:f', {'n': n}) AS x"),
        [Call::InvokeLambda { function_arn: "arn:f".to_owned(), payload: r#"{"n":7}"#.to_owned() }]
    );
    let Call::InvokeLambda { payload, .. } = &asked("SELECT aws_lambda('arn:f', *) AS x")[0] else {
        panic!("lambda")
    };
    assert!(payload.starts_with(r#"{"id":"lamp","n":7,"#), "{payload}");
    // RULES-292, RULES-303
    assert_eq!(
        asked("SELECT get_dynamodb('tab', 'pk', id, 'sk', n, 'role') AS x"),
        [Call::GetItem {
            table: "tab".to_owned(),
            partition_key: ("pk".to_owned(), "lamp".into()),
            sort_key: Some(("sk".to_owned(), Value::Int(7))),
            role_arn: role(),
        }]
    );
    assert_eq!(
        asked("SELECT get_dynamodb('tab', 'pk', id, 'role') AS x"),
        [Call::GetItem {
            table: "tab".to_owned(),
            partition_key: ("pk".to_owned(), "lamp".into()),
            sort_key: None,
            role_arn: role(),
        }]
    );
    // RULES-295
    assert_eq!(
        asked("SELECT get_secret('s', 'SecretString', 'k', 'role') AS x"),
        [Call::GetSecret { secret_id: "s".to_owned(), binary: false, role_arn: role() }]
    );
    // RULES-299
    assert_eq!(
        asked("SELECT get_thing_shadow(id, 'role') AS x"),
        [Call::GetThingShadow { thing: "lamp".to_owned(), shadow: None, role_arn: role() }]
    );
    assert_eq!(
        asked("SELECT get_thing_shadow(id, 'cfg', 'role') AS x"),
        [Call::GetThingShadow { thing: "lamp".to_owned(), shadow: Some("cfg".to_owned()), role_arn: role() }]
    );
    // RULES-300
    assert_eq!(
        asked("SELECT get_registry_data('DescribeThing', id, 'role') AS x"),
        [Call::DescribeThing { thing: "lamp".to_owned(), role_arn: role() }]
    );
    assert_eq!(
        asked("SELECT get_registry_data('ListThingGroupsForThing', id, 'role') AS x"),
        [Call::ListThingGroupsForThing { thing: "lamp".to_owned(), role_arn: role() }]
    );
    // RULES-301: nested members become JSON text
    let record = [("x", "1.5"), ("o", r#"{"k":[1]}"#)].map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(
        asked("SELECT machinelearning_predict('m', 'role', rec) AS x"),
        [Call::Predict { model_id: "m".to_owned(), role_arn: role(), record: record.into() }]
    );
}

#[test]
fn wrong_arguments_ask_nothing_and_are_undefined() {
    // RULES-123, RULES-300
    for sql in [
        "aws_lambda('f')",
        "aws_lambda('f', missing)",
        "aws_lambda(missing, *)",
        "get_dynamodb('t', 'pk', true, 'role')",
        "get_dynamodb('t', 'pk', id)",
        "get_secret('s', 'Other', 'role')",
        "get_thing_shadow('t')",
        "get_thing_shadow(missing, 'role')",
        "get_registry_data('DescribeThing', id)",
        "get_registry_data('Other', id, 'role')",
        "machinelearning_predict('m', 'role', 5)",
    ] {
        let (result, rounds) = run(&format!("SELECT {sql} AS x, 1 AS ok"), |call| panic!("asked {call}"));
        assert_eq!((result.as_deref(), rounds), (Ok(r#"{"ok":1}"#), 1), "{sql}");
    }
}

#[test]
fn answers_become_values() {
    // RULES-290, RULES-292, RULES-299, RULES-300, RULES-301
    let shadow = r#"{"state":{"reported":{"on":true}},"version":3.0}"#;
    let (result, _) = run(
        "SELECT get_thing_shadow(id, 'r').state.reported.on AS on, get_thing_shadow(id, 'r').version AS v",
        |_| json(shadow),
    );
    assert_eq!(result.as_deref(), Ok(r#"{"on":true,"v":3}"#));
    let (result, _) = run("SELECT aws_lambda('f', *).answer + 1 AS x", |_| json(r#"{"answer": 41}"#));
    assert_eq!(result.as_deref(), Ok(r#"{"x":42}"#));
    let (result, _) =
        run("SELECT VALUE get_registry_data('DescribeThing', id, 'r').attributes FROM 't'", |_| {
            json(r#"{"thingName":"lamp","attributes":{"floor":"2"}}"#)
        });
    assert_eq!(result.as_deref(), Ok(r#"{"floor":"2"}"#));
    let (result, _) =
        run("SELECT get_dynamodb('t', 'pk', id, 'r').price AS p", |_| json(r#"{"pk":"lamp","price":9.50}"#));
    assert_eq!(result.as_deref(), Ok(r#"{"p":9.50}"#));
    let (result, _) = run("SELECT machinelearning_predict('m', 'r', rec).predictedLabel AS l", |_| {
        json(r#"{"predictedLabel":"1"}"#)
    });
    assert_eq!(result.as_deref(), Ok(r#"{"l":"1"}"#));
}

#[test]
fn secrets_are_read_whole_or_by_key() {
    // RULES-295, RULES-296, RULES-297
    let read = |sql: &str, answer: Answer| run(&format!("SELECT {sql} AS x"), |_| answer.clone()).0;
    let text = || Answer::Text(r#"{"user": "me", "port": 8883}"#.to_owned());
    assert_eq!(read("get_secret('s', 'SecretString', 'user', 'r')", text()).as_deref(), Ok(r#"{"x":"me"}"#));
    assert_eq!(read("get_secret('s', 'SecretString', 'port', 'r')", text()).as_deref(), Ok(r#"{"x":8883}"#));
    assert_eq!(
        read("get_secret('s', 'SecretString', 'r')", text()).as_deref(),
        Ok(r#"{"x":"{\"user\": \"me\", \"port\": 8883}"}"#)
    );
    let binary = || Answer::Bytes(Bytes::from_static(&[0, 1, 255]));
    assert_eq!(read("get_secret('s', 'SecretBinary', 'r')", binary()).as_deref(), Ok(r#"{"x":"AAH/"}"#));
    for (sql, answer) in [
        ("get_secret('s', 'SecretBinary', 'k', 'r')", binary()),
        ("get_secret('s', 'SecretString', 'k', 'r')", Answer::Text("no json".to_owned())),
        ("get_secret('s', 'SecretString', 'k', 'r')", Answer::Text("[1]".to_owned())),
        ("get_secret('s', 'SecretString', 'nope', 'r')", text()),
    ] {
        assert!(
            matches!(read(sql, answer), Err(EvalError::Function { function: "get_secret", .. })),
            "{sql}"
        );
    }
}

#[test]
fn a_failing_function_ends_the_run_and_says_why() {
    // RULES-302
    let (result, _) =
        run("SELECT 1 AS ok, aws_lambda('arn:f', *) AS x", |_| failed("it took more than 2000 ms"));
    let error = result.expect_err("failed");
    assert_eq!(error.to_string(), "aws_lambda failed for `arn:f`: it took more than 2000 ms");
    let (result, _) = run("SELECT aws_lambda('arn:f', *) AS x", |_| json("not json"));
    assert!(result.expect_err("failed").to_string().contains("not JSON at byte 0"));
    let (result, _) =
        run("SELECT 1 AS x FROM 't' WHERE get_thing_shadow('t', 'r').state.on = true", |_| failed("gone"));
    assert!(result.is_err());
    let (result, _) = run("SET @s = get_thing_shadow('t', 'r') SELECT 1 AS x", |_| failed("gone"));
    assert!(result.is_err());
}

#[test]
fn a_failing_function_may_have_a_default() {
    // RULES-237
    let (result, _) = run("SELECT get_or_default(aws_lambda('f', *).x, 'none') AS x", |_| failed("gone"));
    assert_eq!(result.as_deref(), Ok(r#"{"x":"none"}"#));
    let (result, _) =
        run("SELECT get_or_default(aws_lambda('f', *).x, 'none') AS x", |_| json(r#"{"x": 1}"#));
    assert_eq!(result.as_deref(), Ok(r#"{"x":1}"#));
}

#[test]
fn all_calls_that_are_known_are_asked_at_once_and_equal_ones_once() {
    let calls = asked(
        "SET @s = get_thing_shadow(id, 'r') SELECT aws_lambda('f', *) AS a, aws_lambda('f', *) AS b, concat('x', get_registry_data('DescribeThing', id, 'r').thingName, get_secret('s', 'SecretString', 'r')) AS c",
    );
    let functions: Vec<_> = calls.iter().map(Call::function).collect();
    assert_eq!(functions, ["get_thing_shadow", "aws_lambda", "get_registry_data", "get_secret"]);
    // What depends on an answer is asked in the next round.
    let (result, rounds) = run("SELECT aws_lambda(aws_lambda('first', *).next, n) AS x", |call| match call {
        Call::InvokeLambda { function_arn, .. } if function_arn == "first" => json(r#"{"next": "second"}"#),
        Call::InvokeLambda { function_arn, payload } => json(&format!(r#""{function_arn} {payload}""#)),
        other => panic!("{other}"),
    });
    assert_eq!((result.as_deref(), rounds), (Ok(r#"{"x":"second 7"}"#), 3));
    let (result, rounds) = run("SELECT (SELECT VALUE aws_lambda('f', id) FROM e) AS x", |call| match call {
        Call::InvokeLambda { payload, .. } => json(payload),
        other => panic!("{other}"),
    });
    assert_eq!((result.as_deref(), rounds), (Ok(r#"{"x":["a","b"]}"#), 2));
}

#[test]
fn select_asks_nothing_before_where_is_decided() {
    // RULES-026
    let sql = "SELECT aws_lambda('f', *) AS x FROM 't' WHERE get_thing_shadow(id, 'r').on";
    assert_eq!(asked(sql).iter().map(Call::function).collect::<Vec<_>>(), ["get_thing_shadow"]);
    let (result, rounds) = run(sql, |call| {
        assert_eq!(call.function(), "get_thing_shadow");
        json(r#"{"on": false}"#)
    });
    assert_eq!((result.as_deref(), rounds), (Ok("no match"), 2));
}

#[test]
fn random_arguments_find_their_answers() {
    // RULES-282
    let sql = "SELECT aws_lambda('f', {'id': newuuid(), 'r': rand()}) AS x, newuuid() AS y, (SELECT VALUE aws_lambda('f', newuuid()) FROM e) AS z";
    let (result, rounds) = run(sql, |_| json("1"));
    assert!(result.expect("evaluates").starts_with(r#"{"x":1,"y":""#));
    assert_eq!(rounds, 2);
}

#[test]
fn a_second_get_dynamodb_ends_the_run() {
    // RULES-293
    let one = "get_dynamodb('t', 'pk', 1, 'r')";
    let answer = |_: &Call| json("{}");
    assert!(run(&format!("SELECT {one} AS a"), answer).0.is_ok());
    assert_eq!(run(&format!("SELECT {one} AS a, {one} AS b"), answer).0, Err(EvalError::SecondGetDynamodb));
    assert_eq!(
        run(&format!("SELECT (SELECT VALUE {one} FROM e) AS a"), answer).0,
        Err(EvalError::SecondGetDynamodb)
    );
    assert_eq!(
        run(&format!("SELECT {one} AS a, get_or_default({one}, 1) AS b"), answer).0,
        Err(EvalError::SecondGetDynamodb)
    );
    assert!(run(&format!("SET @i = {one} SELECT @i.a AS a, @i.b AS b"), answer).0.is_ok());
}

#[test]
fn an_item_of_more_than_8_kib_ends_the_run() {
    // RULES-294
    let item = |bytes: usize| json(&format!(r#"{{"a":"{}"}}"#, "x".repeat(bytes - 8)));
    let read = |bytes: usize| run("SELECT length(get_dynamodb('t', 'pk', 1, 'r').a) AS n", |_| item(bytes)).0;
    assert_eq!(read(8 * 1024).as_deref(), Ok(r#"{"n":8184}"#));
    let error = read(8 * 1024 + 1).expect_err("too large");
    assert_eq!(error.to_string(), "get_dynamodb failed for `t`: the item has 8193 bytes; allowed are 8192");
}

/// `message Reading { int32 celsius = 1; string room = 2; int64 at_ms = 3; repeated double raw = 4; }` in package `site`.
fn descriptors() -> Vec<u8> {
    fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![tag << 3 | 2, u8::try_from(bytes.len()).expect("short")];
        out.extend_from_slice(bytes);
        out
    }
    let member = |name: &str, number: u8, label: u8, kind: u8| {
        let mut out = field(1, name.as_bytes());
        out.extend_from_slice(&[3 << 3, number, 4 << 3, label, 5 << 3, kind]);
        field(2, &out)
    };
    let mut message = field(1, b"Reading");
    for (name, number, label, kind) in
        [("celsius", 1, 1, 5), ("room", 2, 1, 9), ("at_ms", 3, 1, 3), ("raw", 4, 3, 1)]
    {
        message.extend(member(name, number, label, kind));
    }
    let mut file = field(1, b"reading.proto");
    file.extend(field(2, b"site"));
    file.extend(field(4, &message));
    file.extend(field(12, b"proto3"));
    field(1, &file)
}

#[test]
fn protobuf_is_decoded_by_a_descriptor_set() {
    // RULES-258, RULES-259, RULES-262
    let message = [0x08, 21, 0x12, 3, b'l', b'a', b'b', 0x18, 0x80, 0xd0, 0x95, 0xff, 0xbc, 0x31];
    let sql = "SELECT VALUE decode(*, 'proto', 'b', 'k', 'reading.proto', 'Reading') FROM 't'";
    let decode = |sql: &str, payload: &[u8], answer: Answer| {
        let statement = parse(sql, SqlVersion::V2016_03_23).expect(sql);
        let input = Input::new(payload, "t", 0, 0);
        let mut answers = Answers::none();
        let call = Call::ReadDescriptorSet { bucket: "b".to_owned(), key: "k".to_owned() };
        assert_eq!(statement.evaluate(&input, &answers), Ok(Evaluated::Needs(vec![call.clone()])), "{sql}");
        answers.insert(call, answer);
        statement.evaluate(&input, &answers).map(|evaluated| match evaluated {
            Evaluated::Output(output) => String::from_utf8(output.bytes(&input).into_owned()).expect("UTF-8"),
            other => panic!("{other:?}"),
        })
    };
    let set = || Answer::Bytes(descriptors().into());
    let expected = r#"{"celsius":21,"room":"lab","at_ms":1700000000000}"#;
    assert_eq!(decode(sql, &message, set()).as_deref(), Ok(expected));
    let full = sql.replace("'Reading'", "'site.Reading'");
    assert_eq!(decode(&full, &message, set()).as_deref(), Ok(expected));
    // A reference to base64 text
    let text = "SELECT decode(d, 'proto', 'b', 'k', 'reading.proto', 'Reading').celsius AS c FROM 't'";
    assert_eq!(decode(text, br#"{"d": "CBU="}"#, set()).as_deref(), Ok(r#"{"c":21}"#));
    for (sql, payload, answer) in [
        (sql.replace("'Reading'", "'Nope'"), &message[..], set()),
        (sql.replace("reading.proto", "other.proto"), &message, set()),
        (sql.to_owned(), b"\xff\xff\xff", set()),
        (sql.to_owned(), &message, Answer::Bytes(Bytes::from_static(b"\xff"))),
        (sql.to_owned(), &message, Answer::Text("x".to_owned())),
        (sql.to_owned(), &message, failed("no such key")),
        (sql.to_owned(), &message, Answer::Bytes(vec![0; 32 * 1024 + 1].into())),
        (sql.to_owned(), &vec![0; 128 * 1024 + 1], set()),
    ] {
        let error = decode(&sql, payload, answer).expect_err(&sql);
        assert!(matches!(error, EvalError::Function { function: "decode", .. }), "{error}");
    }
}
