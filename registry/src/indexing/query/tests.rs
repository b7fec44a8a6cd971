use std::collections::BTreeMap;

use super::*;

/// A document of fields given as text; numbers and booleans by their looks only where marked with `#` and `!`.
struct Flat(BTreeMap<&'static str, Vec<Scalar>>);

impl Fields for Flat {
    fn values(&self, field: &str) -> Vec<Scalar> {
        self.0.get(field).cloned().unwrap_or_default()
    }

    fn everything(&self) -> Vec<Scalar> {
        self.0.values().flatten().cloned().collect()
    }
}

fn document(fields: &[(&'static str, &str)]) -> Flat {
    let mut out = Flat(BTreeMap::new());
    for (name, text) in fields {
        let value = match (text.strip_prefix('#'), text.strip_prefix('!')) {
            (Some(number), _) => Scalar::Number(number.parse().expect("number")),
            (_, Some(value)) => Scalar::Bool(value == "true"),
            _ => Scalar::Text((*text).to_owned()),
        };
        out.0.entry(name).or_default().push(value);
    }
    out
}

fn knows(field: &str) -> bool {
    field != "unknown"
}

fn tv() -> Flat {
    document(&[
        ("thingName", "tv-Kitchen-1"),
        ("thingTypeName", "TV"),
        ("attributes.room", "kitchen"),
        ("attributes.power", "75"),
        ("shadow.reported.temp", "#10"),
        ("shadow.reported.note", "Warm and  Dry"),
        ("shadow.reported.tags", "red"),
        ("shadow.reported.tags", "Green"),
        ("shadow.hasDelta", "!false"),
        ("connectivity.timestamp", "#1700000000000"),
    ])
}

#[test]
fn queries_select_what_aws_describes() {
    // API-243, API-244, API-246, API-248, API-249, API-253, API-254
    for (query, expected) in [
        ("*", true),
        ("kitchen", true),
        ("KITCHEN", true),
        ("kitch", false),
        ("kitch*", true),
        ("*tchen", true),
        ("k?tchen", true),
        ("k?chen", false),
        ("warm", true),
        ("\"warm and dry\"", true),
        ("\"warm dry\"", false),
        ("\"and dry\"", true),
        ("thingName:tv*", true),
        ("thingName:tv-kitchen-1", true),
        ("thingName:kitchen", false),
        ("thingname:tv*", false),
        ("thingName : tv*", true),
        ("thingName:(tv* AND -plasma)", true),
        ("thingName:(tv* AND -*1)", false),
        ("thingName:(plasma OR tv*)", true),
        ("thingTypeName:tv attributes.room:kitchen", true),
        ("thingTypeName:tv attributes.room:hall", false),
        ("thingTypeName:tv NOT attributes.room:hall", true),
        ("thingTypeName:tv NOT attributes.room:kitchen", false),
        ("attributes.room:hall OR thingTypeName:tv", true),
        // AND binds stronger than OR.
        ("thingTypeName:tv OR attributes.room:hall AND attributes.room:cellar", true),
        ("(thingTypeName:tv OR attributes.room:hall) AND attributes.room:cellar", false),
        ("NOT NOT kitchen", true),
        ("-kitchen", false),
        ("attributes.power:75", true),
        ("attributes.power:75.0", true),
        ("attributes.power:[75 TO 80]", true),
        ("attributes.power:{75 TO 80]", false),
        ("attributes.power:[70 TO 75}", false),
        ("attributes.power:[70 TO 75]", true),
        // As numbers: as texts, 75 would lie behind 700.
        ("attributes.power:[8 TO 700]", true),
        ("attributes.power>=75", false),
        ("attributes.power:>=75", true),
        ("attributes.power:>75", false),
        ("attributes.power: < 80", true),
        ("attributes.power:<=74.5", false),
        ("attributes.power:[* TO 80]", true),
        ("attributes.power:{* TO *}", true),
        ("attributes.none:[* TO *]", false),
        ("shadow.reported.temp:10.0", true),
        ("shadow.reported.temp:>-5", true),
        ("shadow.reported.temp:[-5 TO 20]", true),
        ("shadow.reported.temp:[a TO z]", false),
        ("attributes.room:[j TO l]", true),
        ("shadow.reported.tags:green", true),
        ("shadow.reported.tags:blue", false),
        ("shadow.hasDelta:false", true),
        ("shadow.hasDelta:true", false),
        ("attributes.room:*", true),
        ("attributes.none:*", false),
        ("NOT attributes.none:*", true),
        ("connectivity.timestamp : [1600000000000 TO 1800000000000]", true),
        ("attributes.room:kit\\chen", true),
        ("thingName:tv\\*", false),
        ("attributes.room:\"kitchen\"", true),
        ("a\\:b", false),
    ] {
        let parsed = Query::parse(query, &knows);
        match (query, parsed) {
            ("attributes.power>=75", parsed) => assert!(parsed.is_err(), "{query}"),
            (_, parsed) => assert_eq!(parsed.expect(query).matches(&tv()), expected, "{query}"),
        }
    }
}

#[test]
fn broken_queries_are_refused_with_their_text() {
    // API-245, API-246, API-247, API-252, API-258
    let terms = |n: usize| vec!["a"; n].join(" ");
    let long = format!("*a OR {}", "b".repeat(100));
    let too_long = "a".repeat(1001);
    let (twelve, thirteen) = (terms(12), terms(13));
    for query in [
        "(a",
        "a)",
        "a AND",
        "OR a",
        "AND",
        "NOT",
        "thingName:",
        "thingName:)",
        "thingName: OR a",
        "\"a",
        "\"\"",
        "[1 TO 2]",
        "thingName:[1 TO]",
        "thingName:[1 2]",
        "thingName:[1 TO 2",
        "a]",
        ">5",
        "thingName:>",
        "a*b*c*",
        "??????",
        "*a *b",
        "a@b",
        "a/b",
        "a%",
        "a'b",
        "a;b",
        "a,b",
        "a`",
        "#a",
        "a\\",
        "()",
        &long,
        &too_long,
        &thirteen,
        "a:b:c",
    ] {
        assert!(Query::parse(query, &knows).is_err(), "{query}");
    }
    for query in [twelve.as_str(), "a*b*c", "?????", "*a b*"] {
        assert!(Query::parse(query, &knows).is_ok(), "{query}");
    }
    assert_eq!(
        Query::parse("unknown:x", &knows),
        Err("Unable to parse query, invalid field name, field name: unknown, query string: unknown:x"
            .to_owned())
    );
    let deep = format!("{}a{}", "(".repeat(400), ")".repeat(400));
    assert!(Query::parse(&deep, &knows).is_err());
    let nots = "NOT ".repeat(200) + "a";
    assert!(Query::parse(&nots, &knows).is_err());
}

#[test]
fn wildcards_stay_quick_on_awkward_words() {
    let query = Query::parse("thingName:*aaaaaaaaaaaaaaaaaaaa*b", &knows).expect("query");
    let word = "a".repeat(20_000);
    let document = Flat(BTreeMap::from([("thingName", vec![Scalar::Text(word)])]));
    assert!(!query.matches(&document));
}
