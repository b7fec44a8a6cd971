//! Wildcard matching over pieces, so that inserted text never turns into a wildcard.

/// One piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Atom<'a> {
    /// Exactly this text.
    Literal(&'a str),
    /// `?`: one Unicode scalar value (POLICY-161, POLICY-176).
    AnyChar,
    /// `*`: any run, the empty one included (POLICY-160).
    AnyRun,
}

/// Whether the pattern, given piece by piece, covers the whole text (POLICY-162).
///
/// Only the latest `*` is ever widened: the earlier ones need no second chance, because a later `*` takes whatever they
/// could have taken. So the time is at most the product of the lengths.
pub(crate) fn covers<'p>(atom: impl Fn(usize) -> Option<Atom<'p>>, text: &str) -> bool {
    let (mut next, mut rest) = (0, text);
    let mut resume: Option<(usize, &str)> = None;
    loop {
        let advanced = match atom(next) {
            None if rest.is_empty() => return true,
            None => None,
            Some(Atom::Literal(literal)) => rest.strip_prefix(literal),
            Some(Atom::AnyChar) => without_first(rest),
            Some(Atom::AnyRun) => {
                resume = Some((next + 1, rest));
                Some(rest)
            }
        };
        match (advanced, resume) {
            (Some(left), _) => {
                rest = left;
                next += 1;
            }
            (None, None) => return false,
            (None, Some((after_run, from))) => {
                let Some(left) = without_first(from) else { return false };
                resume = Some((after_run, left));
                (next, rest) = (after_run, left);
            }
        }
    }
}

fn without_first(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    chars.next().map(|_| chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(pattern: &str, text: &str) -> bool {
        let pieces: Vec<String> = pattern.chars().map(String::from).collect();
        covers(
            |i| {
                pieces.get(i).map(|piece| match piece.as_str() {
                    "*" => Atom::AnyRun,
                    "?" => Atom::AnyChar,
                    literal => Atom::Literal(literal),
                })
            },
            text,
        )
    }

    #[test]
    fn stars_and_question_marks() {
        // POLICY-160, POLICY-161, POLICY-162, POLICY-170, POLICY-176
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "a/b:c", true),
            ("a*", "a", true),
            ("a/*", "a", false),
            ("a/*", "a/", true),
            ("?", "", false),
            ("?", "é", true),
            ("*?", "é", true),
            ("?", "/", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("*a*a*a*", "aa", false),
            ("*ab", "aab", true),
            ("a**b", "ab", true),
            ("a?*b", "ab", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} on {text}");
        }
        assert!(!glob(&format!("{}b", "a*".repeat(200)), &"a".repeat(2000)));
    }
}
