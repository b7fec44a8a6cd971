use super::*;
use crate::indexing::query::Query;

/// A document of fields.
#[derive(Clone, Default)]
struct Flat(BTreeMap<String, Vec<Scalar>>);

impl Fields for Flat {
    fn values(&self, field: &str) -> Vec<Scalar> {
        self.0.get(canonical(field)).cloned().unwrap_or_default()
    }

    fn everything(&self) -> Vec<Scalar> {
        self.0.values().flatten().cloned().collect()
    }
}

/// Small numbers in a fixed order that looks like none.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn document(dice: &mut Dice) -> Flat {
    let mut flat = Flat::default();
    for field in ["attributes.a", "attributes.b", "shadow.reported.c"] {
        let values = (0..dice.roll(3)).map(|_| match dice.roll(7) {
            0 => Scalar::Number(dice.roll(12) as f64 - 1.0),
            1 => Scalar::Number(dice.roll(4) as f64 / 2.0),
            2 => Scalar::Bool(dice.roll(2) == 0),
            3 => Scalar::Text(dice.roll(12).to_string()),
            4 => Scalar::Text(format!("Red {} blue", dice.roll(3))),
            5 => Scalar::Text(format!("v{:02}", dice.roll(40))),
            _ => Scalar::Text(" Green ".to_owned()),
        });
        flat.0.insert(field.to_owned(), values.collect());
    }
    flat
}

#[test]
fn the_index_finds_what_asking_every_document_finds() {
    // API-243, API-244, API-246, API-248, API-249, API-253, API-254, API-259
    let queries = [
        "*",
        "green",
        "RED",
        "v0*",
        "*1",
        "v?1",
        "attributes.a:1",
        "attributes.a:1.0",
        "attributes.a:true",
        "attributes.b:*",
        "NOT attributes.b:*",
        "-red",
        "attributes.a:\"red 1\"",
        "\"blue\"",
        "attributes.a:\"1\"",
        "attributes.a:[1 TO 5]",
        "attributes.a:{1 TO 5}",
        "attributes.a:>3",
        "attributes.a:<=0",
        "attributes.a:[5 TO 1]",
        "attributes.a:[m TO z]",
        "attributes.a:>red",
        "attributes.a:[1 TO m]",
        "shadow.reported.c:(1 OR green)",
        "attributes.a:v* AND NOT shadow.reported.c:red",
        "attributes.a:1 OR attributes.b:>2",
        "attributes.a:* attributes.b:*",
        "NOT (attributes.a:* OR attributes.b:*)",
        "attributes.a:nothing",
        "attributes.a:-0",
        "red\\ 1",
    ];
    let mut dice = Dice(7);
    let mut index = ThingIndex::default();
    let mut documents: BTreeMap<String, Flat> = BTreeMap::new();
    for round in 0..6 {
        for _ in 0..60 {
            let name = format!("t{:03}", dice.roll(150));
            if dice.roll(4) == 0 {
                documents.remove(&name);
                index.remove(&name);
            } else {
                let document = document(&mut dice);
                index.update(&ThingName::from(name.as_str()), Parts::ALL, &document);
                documents.insert(name, document);
            }
        }
        for text in queries {
            let query = Query::parse(text, &|_| true).expect(text);
            for field in index.lacks(&fields_of(&query)) {
                index.add_field(&field);
                for (name, document) in &documents {
                    index.set_field(&ThingName::from(name.as_str()), &field, document);
                }
            }
            let expected: Vec<&str> = documents
                .iter()
                .filter(|(_, document)| query.matches(*document))
                .map(|(name, _)| name.as_str())
                .collect();
            let found = index.page(&query, None, usize::MAX);
            assert_eq!(
                found.iter().map(ThingName::as_str).collect::<Vec<_>>(),
                expected,
                "{text} in round {round}"
            );
            assert_eq!(index.values(&query, "attributes.a").0, expected.len(), "{text}");
            // Page by page it is the same.
            let mut paged: Vec<ThingName> = Vec::new();
            loop {
                let page = index.page(&query, paged.last().map(ThingName::as_str), 7);
                let last = page.len() < 7;
                paged.extend(page);
                if last {
                    break;
                }
            }
            assert_eq!(paged, found, "{text}");
        }
    }
}

#[test]
fn what_only_the_last_things_fulfil_is_found_too() {
    // API-246, API-254, API-259: too many for a list, too far behind to be met by asking in order
    let text = |text: String| vec![Scalar::Text(text)];
    let mut index = ThingIndex::default();
    let mut documents: Vec<(ThingName, Flat)> = Vec::new();
    for n in 0..10_000_u32 {
        let mut flat = Flat::default();
        flat.0.insert("attributes.third".to_owned(), text((n % 3).to_string()));
        if n < 9_990 {
            flat.0.insert("attributes.early".to_owned(), text("yes".to_owned()));
        }
        if n >= 9_000 {
            flat.0.insert("attributes.late".to_owned(), text(format!("L{n} word")));
        }
        if n >= 5_000 {
            flat.0.insert("attributes.half".to_owned(), text(format!("h{n}")));
        }
        documents.push((ThingName::from(format!("t{n:05}").as_str()), flat));
    }
    for (query, most_found) in [
        ("attributes.late:l*", 1_000),
        ("attributes.late:*", 1_000),
        ("attributes.late:word", 1_000),
        ("attributes.late:[l9000 TO l9500]", 501),
        ("attributes.half:h*", 5_000),
        ("attributes.half:h* attributes.third:0", 1_667),
        ("NOT attributes.early:*", 10),
        ("NOT attributes.half:*", 5_000),
        ("attributes.late:l* OR attributes.early:no", 1_000),
        ("attributes.half:h* AND NOT attributes.early:yes", 10),
        ("attributes.third:2", 3_333),
        ("attributes.third:(0 OR 1)", 6_667),
    ] {
        let parsed = Query::parse(query, &|_| true).expect(query);
        for field in index.lacks(&fields_of(&parsed)) {
            index.add_field(&field);
            documents.iter().for_each(|(name, document)| index.set_field(name, &field, document));
        }
        let fulfil = |(name, document): &(ThingName, Flat)| parsed.matches(document).then(|| name.clone());
        let expected: Vec<ThingName> = documents.iter().filter_map(fulfil).collect();
        assert!(
            expected.len() <= most_found && expected.len() + 1 >= most_found,
            "{query}: {}",
            expected.len()
        );
        assert_eq!(index.values(&parsed, "attributes.third").0, expected.len(), "{query}");
        for most in [1, 51, 20_000] {
            for after in [0, expected.len() / 2, expected.len() - 1] {
                let last = expected.get(after).map(ThingName::as_str);
                let page = index.page(&parsed, last, most);
                let rest = expected.iter().skip(after + 1).take(most);
                assert!(page.iter().eq(rest), "{query}, {most} behind {last:?}");
            }
            assert!(index.page(&parsed, None, most).iter().eq(expected.iter().take(most)), "{query}, {most}");
        }
    }
}

#[test]
fn fields_that_nobody_asks_for_are_given_up() {
    let mut index = ThingIndex::default();
    for at in 0..200 {
        let field = format!("attributes.f{at}");
        for field in index.lacks(&["thingName".to_owned(), field]) {
            index.add_field(&field);
        }
    }
    assert_eq!(index.fields.len(), MOST_FIELDS);
    assert!(index.fields.contains_key("thingName"));
}
