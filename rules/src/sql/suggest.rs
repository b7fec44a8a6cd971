//! "Did you mean": the known word nearest to an unknown one.

/// The candidate that differs from `word` by few letters, letter case aside; `None` when nothing is near.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    if word.chars().count() > LONGEST {
        return None;
    }
    let length = word.chars().count();
    // Of one letter and two nearly everything is near.
    let allowed = if length < 3 { 0 } else { (length / 3).min(3) };
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (row, ca) in a.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, cb) in b.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let mut best = (cell(&last, column + 1) + 1)
                .min(cell(&current, column) + 1)
                .min(cell(&last, column) + usize::from(ca != *cb));
            let swapped = column > 0 && previous == Some(*cb) && b.get(column - 1) == Some(&ca);
            if swapped {
                best = best.min(cell(&before_last, column - 1) + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
        previous = Some(ca);
    }
    last.last().copied().unwrap_or(usize::MAX)
}

/// Words longer than this are nobody's typing mistake.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_strangers_are_not() {
        let known = ["lower", "upper", "topic", "timestamp", "isundefined", "ltrim"];
        assert_eq!(nearest("uper", known), Some("upper"));
        assert_eq!(nearest("tiemstamp", known), Some("timestamp"));
        assert_eq!(nearest("IS_UNDEFINED", known), Some("isundefined"));
        assert_eq!(nearest("banana", known), None);
    }
}
