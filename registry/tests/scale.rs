//! A registry of 100,000 things answers as quickly as a small one.

use std::time::{Duration, Instant};

use thingstead_registry::{
    CreateThing, FoundDocuments, PageRequest, SearchQuery, ThingFilter, ThingIndexing, ThingIndexingMode,
    UpdateThing,
};

use crate::support::{World, attributes, run, world};

const MANY: usize = 100_000;

fn fill(w: &World, names: std::ops::Range<usize>) {
    run(async {
        let mut waiting = Vec::new();
        for n in names {
            let request = CreateThing {
                name: format!("thing-{n:06}"),
                attributes: attributes(&[("n", "1"), ("serial", &n.to_string())]),
                ..CreateThing::default()
            };
            waiting.push(w.registry.create_thing(&w.scope, request));
            if waiting.len() == 500 {
                for made in futures(&mut waiting).await {
                    made.expect("create");
                }
            }
        }
        for made in futures(&mut waiting).await {
            made.expect("create");
        }
    });
}

/// Starts all of them before it waits for any.
async fn futures<F: Future>(waiting: &mut Vec<F>) -> Vec<F::Output> {
    let mut all: Vec<_> = waiting.drain(..).map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        let mut pending = Vec::new();
        for mut future in all.drain(..) {
            match future.as_mut().poll(context) {
                std::task::Poll::Ready(output) => done.push(output),
                std::task::Poll::Pending => pending.push(future),
            }
        }
        all = pending;
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

/// The best of several runs of a page from the middle, a lookup and an update.
#[expect(clippy::disallowed_methods, reason = "it measures real time")]
fn cost(w: &World, middle: &PageRequest) -> Duration {
    let once = || {
        let begin = Instant::now();
        for _ in 0..20 {
            let page = w.registry.list_things(&w.scope, &ThingFilter::default(), middle).expect("page");
            assert_eq!(page.items.len(), 50);
            w.registry.describe_thing(&w.scope, "thing-000500").expect("thing");
            let update = UpdateThing { name: "thing-000500".to_owned(), ..UpdateThing::default() };
            run(w.registry.update_thing(&w.scope, update)).expect("update");
        }
        begin.elapsed()
    };
    (0..5).map(|_| once()).min().expect("runs")
}

/// The best of several runs of searches that find a handful, and of the first page of those that find everything.
#[expect(clippy::disallowed_methods, reason = "it measures real time")]
fn search_cost(w: &World) -> Duration {
    let find = |text: &str, expected: usize| {
        let query = SearchQuery { query_string: text.to_owned(), ..SearchQuery::default() };
        match w.registry.search_index(&w.scope, &query, &PageRequest::first(50)).expect(text) {
            FoundDocuments::Things(page) => assert_eq!(page.items.len(), expected, "{text}"),
            FoundDocuments::ThingGroups(_) => panic!("things"),
        }
    };
    let once = || {
        let begin = Instant::now();
        for _ in 0..20 {
            find("thingName:thing-000500", 1);
            find("thingName:thing-00050*", 10);
            find("thingName:thing-*", 50);
            find("attributes.serial:500", 1);
            find("attributes.serial:[500 TO 509] AND attributes.n:1", 10);
            find("attributes.n:1 AND NOT thingName:thing-000000", 50);
            let one = ThingFilter {
                attribute_name: Some("serial".to_owned()),
                attribute_value: Some("500".to_owned()),
                ..ThingFilter::default()
            };
            let listed = w.registry.list_things(&w.scope, &one, &PageRequest::first(50)).expect("list");
            assert_eq!(listed.items.len(), 1);
        }
        begin.elapsed()
    };
    (0..5).map(|_| once()).min().expect("runs")
}

fn middle_of(w: &World, rows: usize) -> PageRequest {
    let mut request = PageRequest::first(rows);
    let page = w.registry.list_things(&w.scope, &ThingFilter::default(), &request).expect("page");
    request = PageRequest { token: page.next, limit: Some(50) };
    request
}

#[test]
fn a_hundred_thousand_things_stay_flat() {
    // API-056, API-065, API-093, API-238
    let w = world();
    let things = ThingIndexing { mode: ThingIndexingMode::Registry, ..ThingIndexing::default() };
    run(w.registry.update_indexing_configuration(&w.scope, Some(things), None)).expect("configure");
    fill(&w, 0..1_000);
    let small = cost(&w, &middle_of(&w, 500));
    let small_search = search_cost(&w);
    fill(&w, 1_000..MANY);
    assert_eq!(w.registry.thing_count(&w.scope), MANY);
    let large = cost(&w, &middle_of(&w, MANY / 2));
    // A hundred times as many; a cost that grew with them would show as a factor of about 100.
    assert!(large < small * 8, "{small:?} with 1,000 things, {large:?} with {MANY}");
    let large_search = search_cost(&w);
    assert!(
        large_search < small_search * 8,
        "searches: {small_search:?} with 1,000 things, {large_search:?} with {MANY}"
    );
}
