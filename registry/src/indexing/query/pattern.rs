//! A word with wildcards.

/// `*` is any run of characters, `?` is one; all else stands for itself, in lower case.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pattern(Vec<Piece>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    Run,
    One,
    Char(char),
}

impl Pattern {
    pub(super) fn push_run(&mut self) {
        self.0.push(Piece::Run);
    }

    pub(super) fn push_one(&mut self) {
        self.0.push(Piece::One);
    }

    pub(super) fn push(&mut self, c: char) {
        self.0.extend(c.to_lowercase().map(Piece::Char));
    }

    pub(super) fn is_only_run(&self) -> bool {
        self.0 == [Piece::Run]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn begins_with_wildcard(&self) -> bool {
        matches!(self.0.first(), Some(Piece::Run | Piece::One))
    }

    /// How many runs and how many single characters are left open.
    pub(super) fn wildcards(&self) -> (usize, usize) {
        let count = |piece: Piece| self.0.iter().filter(|found| **found == piece).count();
        (count(Piece::Run), count(Piece::One))
    }

    /// The word when it has no wildcards.
    pub(in crate::indexing) fn literal(&self) -> Option<String> {
        self.0.iter().map(|piece| if let Piece::Char(c) = piece { Some(*c) } else { None }).collect()
    }

    /// What stands before the first wildcard.
    pub(in crate::indexing) fn prefix(&self) -> String {
        let chars = self.0.iter().map_while(|piece| if let Piece::Char(c) = piece { Some(*c) } else { None });
        chars.collect()
    }

    /// Whether a word in lower case fits. Linear but for the last run, so no query is slow.
    pub(in crate::indexing) fn matches(&self, word: &str) -> bool {
        let mut left = word.chars();
        let mut piece = 0;
        // Behind the last run, and where in the word it was tried.
        let mut retry = None;
        loop {
            let before = left.clone();
            if let Some(Piece::Run) = self.0.get(piece) {
                piece += 1;
                if piece == self.0.len() {
                    return true;
                }
                retry = Some((piece, before));
                continue;
            }
            let Some(found) = left.next() else { break };
            let fits = match self.0.get(piece) {
                Some(Piece::Char(wanted)) => *wanted == found,
                Some(Piece::One | Piece::Run) => true,
                None => false,
            };
            if fits {
                piece += 1;
            } else if let Some((after, from)) = &mut retry {
                if from.next().is_none() {
                    return false;
                }
                (piece, left) = (*after, from.clone());
            } else {
                return false;
            }
        }
        piece >= self.0.len()
    }
}
