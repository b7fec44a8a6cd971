//! The vectors of the specification, all of them, by both paths.

use thingstead_policy_engine::vectors;

const VECTORS: &str = include_str!("../data/policy-vectors.json");

#[test]
fn every_vector_is_decided_as_it_expects() {
    let vectors = vectors::parse(VECTORS).expect("the vector file reads");
    let report = vectors::run(&vectors);
    assert!(report.differences.is_empty(), "{report}");
    assert_eq!(report.to_string(), "443 passed, 0 failed");
}

#[test]
fn the_quick_path_and_the_explanation_agree() {
    for vector in vectors::parse(VECTORS).expect("the vector file reads") {
        let decision = vector.decide();
        assert_eq!(vector.permits(), decision.outcome, "{}", vector.id);
        assert!(!decision.why.is_empty(), "{}", vector.id);
        assert_eq!(decision.fix.is_none(), decision.is_allowed(), "{}", vector.id);
    }
}
