//! Asking the memory for what will be looked at soon.

use std::ops::Range;

use prefetch_index::prefetch_index;

/// Asks for the lines in which the first `many` of `items` lie, as [`range`] does.
pub fn first<T>(items: &[T], many: usize) {
    range(items, 0..many);
}

/// Asks for the lines in which these of `items` lie, without waiting for any. Nothing is looked at, so the range may go beyond the end,
/// to room that is going to be written.
pub fn range<T>(items: &[T], range: Range<usize>) {
    let step = (LINE / size_of::<T>().max(1)).max(1);
    for index in range.clone().step_by(step) {
        prefetch_index(items, index);
    }
    // They need not begin where a line does.
    if let Some(last) = range.last() {
        prefetch_index(items, last);
    }
}

/// Bytes that the memory brings at once.
const LINE: usize = 64;
