//! Time zones by their names and offsets.

use jiff::tz::{Offset, TimeZone};

/// `UTC`, `GMT`, `Z`, an offset, one of those with an offset behind it, or a region such as `Europe/Vienna`.
pub(super) fn by_id(id: &str) -> Option<TimeZone> {
    if matches!(id, "UTC" | "GMT" | "UT" | "Z") {
        return Some(TimeZone::UTC);
    }
    let offset = ["UTC", "GMT", "UT"].iter().find_map(|prefix| id.strip_prefix(prefix)).unwrap_or(id);
    if offset.starts_with(['+', '-']) {
        return offset_of(offset).map(TimeZone::fixed);
    }
    TimeZone::get(id).ok()
}

/// Zones by the abbreviations that people write; an offset each.
pub(super) fn by_abbreviation(name: &str) -> Option<TimeZone> {
    let found = ABBREVIATIONS.iter().find(|(known, _)| *known == name)?;
    Offset::from_seconds(found.1 * 3600).ok().map(TimeZone::fixed)
}

/// `+h`, `+hh`, `+hhmm`, `+hh:mm`, `+hh:mm:ss`, or with a minus.
pub(super) fn offset_of(text: &str) -> Option<Offset> {
    let negative = text.starts_with('-');
    let digits: String = text.strip_prefix(['+', '-'])?.chars().filter(|c| *c != ':').collect();
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to).and_then(|part| part.parse::<i32>().ok());
    let seconds = match digits.len() {
        1 => part(0, 1)? * 3600,
        2 => part(0, 2)? * 3600,
        4 => part(0, 2)? * 3600 + minutes(part(2, 4)?)? * 60,
        6 => part(0, 2)? * 3600 + minutes(part(2, 4)?)? * 60 + minutes(part(4, 6)?)?,
        _ => return None,
    };
    if seconds > 18 * 3600 {
        return None;
    }
    Offset::from_seconds(if negative { -seconds } else { seconds }).ok()
}

fn minutes(value: i32) -> Option<i32> {
    (value < 60).then_some(value)
}

/// Hours east of Greenwich.
const ABBREVIATIONS: &[(&str, i32)] = &[
    ("UTC", 0),
    ("GMT", 0),
    ("UT", 0),
    ("Z", 0),
    ("WET", 0),
    ("WEST", 1),
    ("BST", 1),
    ("CET", 1),
    ("CEST", 2),
    ("EET", 2),
    ("EEST", 3),
    ("MSK", 3),
    ("JST", 9),
    ("KST", 9),
    ("AEST", 10),
    ("AEDT", 11),
    ("NZST", 12),
    ("NZDT", 13),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
    ("AKST", -9),
    ("AKDT", -8),
    ("HST", -10),
];
