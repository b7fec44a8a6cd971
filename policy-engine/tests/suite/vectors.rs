//! The vectors of the specification, all of them, by both paths.

use thingstead_policy_engine::vectors;

const VECTORS: &str = include_str!("../data/policy-vectors.json");
/// Written by hand from the statements, for what the specification's own vectors leave out.
const ODD_CORNERS: &str = include_str!("../data/odd-corners.json");

#[test]
fn every_vector_is_decided_as_it_expects() {
    let vectors = vectors::parse(VECTORS).expect("the vector file reads");
    let report = vectors::run(&vectors);
    assert!(report.differences.is_empty(), "{report}");
    assert_eq!(report.to_string(), "443 passed, 0 failed");
}

#[test]
fn odd_corners_are_decided_as_the_statements_say() {
    // POLICY-004, POLICY-014, POLICY-015, POLICY-107, POLICY-109, POLICY-130 to POLICY-135, POLICY-160 to POLICY-179, POLICY-200 to
    // POLICY-214, POLICY-222, POLICY-226, POLICY-236, POLICY-240, POLICY-252 to POLICY-267, POLICY-280 to POLICY-309, POLICY-354
    let report = vectors::run(&vectors::parse(ODD_CORNERS).expect("the vector file reads"));
    assert!(report.differences.is_empty(), "{report}");
    assert_eq!(report.passed, 125);
}

#[test]
fn the_quick_path_and_the_explanation_agree() {
    let all = [VECTORS, ODD_CORNERS].map(|text| vectors::parse(text).expect("the vector file reads"));
    for vector in all.into_iter().flatten() {
        let decision = vector.decide();
        assert_eq!(vector.permits(), decision.outcome, "{}", vector.id);
        assert!(!decision.why.is_empty(), "{}", vector.id);
        assert_eq!(decision.fix.is_none(), decision.is_allowed(), "{}", vector.id);
    }
}
