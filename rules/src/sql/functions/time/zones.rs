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

/// The region of an abbreviation that people write. As in Java it is the region that decides the offset, by the date:
/// `PST` in July is summer time.
pub(super) fn by_abbreviation(name: &str) -> Option<TimeZone> {
    region(NAMES.iter().find(|(known, ..)| *known == name)?.2)
}

/// The region whose English name a text starts with, the longest one, and what is left of the text.
pub(super) fn by_full_name(text: &str) -> Option<(TimeZone, &str)> {
    let starts = |name: &str| text.strip_prefix(name).map(|rest| (name.len(), rest));
    let found = NAMES.iter().filter_map(|(_, name, zone)| Some((starts(name)?, *zone)));
    let ((_, rest), zone) = found.max_by_key(|((length, _), _)| *length)?;
    Some((region(zone)?, rest))
}

/// The English name of a zone's abbreviation; the abbreviation when it has none.
pub(super) fn full_name(abbreviation: &str) -> &str {
    NAMES.iter().find(|(known, ..)| *known == abbreviation).map_or(abbreviation, |(_, name, _)| name)
}

fn region(id: &str) -> Option<TimeZone> {
    if id == "UTC" { Some(TimeZone::UTC) } else { TimeZone::get(id).ok() }
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

/// Abbreviation, English name and region.
const NAMES: &[(&str, &str, &str)] = &[
    ("UTC", "Coordinated Universal Time", "UTC"),
    ("GMT", "Greenwich Mean Time", "UTC"),
    ("UT", "Coordinated Universal Time", "UTC"),
    ("Z", "Coordinated Universal Time", "UTC"),
    ("WET", "Western European Standard Time", "Europe/Lisbon"),
    ("WET", "Western European Time", "Europe/Lisbon"),
    ("WEST", "Western European Summer Time", "Europe/Lisbon"),
    ("BST", "British Summer Time", "Europe/London"),
    ("CET", "Central European Standard Time", "Europe/Paris"),
    ("CET", "Central European Time", "Europe/Paris"),
    ("CEST", "Central European Summer Time", "Europe/Paris"),
    ("EET", "Eastern European Standard Time", "Europe/Athens"),
    ("EET", "Eastern European Time", "Europe/Athens"),
    ("EEST", "Eastern European Summer Time", "Europe/Athens"),
    ("MSK", "Moscow Standard Time", "Europe/Moscow"),
    ("IST", "India Standard Time", "Asia/Kolkata"),
    ("JST", "Japan Standard Time", "Asia/Tokyo"),
    ("KST", "Korean Standard Time", "Asia/Seoul"),
    ("AWST", "Australian Western Standard Time", "Australia/Perth"),
    ("ACST", "Australian Central Standard Time", "Australia/Adelaide"),
    ("ACDT", "Australian Central Daylight Time", "Australia/Adelaide"),
    ("AEST", "Australian Eastern Standard Time", "Australia/Sydney"),
    ("AEDT", "Australian Eastern Daylight Time", "Australia/Sydney"),
    ("NZST", "New Zealand Standard Time", "Pacific/Auckland"),
    ("NZDT", "New Zealand Daylight Time", "Pacific/Auckland"),
    ("NST", "Newfoundland Standard Time", "America/St_Johns"),
    ("NDT", "Newfoundland Daylight Time", "America/St_Johns"),
    ("AST", "Atlantic Standard Time", "America/Halifax"),
    ("ADT", "Atlantic Daylight Time", "America/Halifax"),
    ("EST", "Eastern Standard Time", "America/New_York"),
    ("EDT", "Eastern Daylight Time", "America/New_York"),
    ("CST", "Central Standard Time", "America/Chicago"),
    ("CDT", "Central Daylight Time", "America/Chicago"),
    ("MST", "Mountain Standard Time", "America/Denver"),
    ("MDT", "Mountain Daylight Time", "America/Denver"),
    ("PST", "Pacific Standard Time", "America/Los_Angeles"),
    ("PDT", "Pacific Daylight Time", "America/Los_Angeles"),
    ("AKST", "Alaska Standard Time", "America/Anchorage"),
    ("AKDT", "Alaska Daylight Time", "America/Anchorage"),
    ("HST", "Hawaii-Aleutian Standard Time", "Pacific/Honolulu"),
    ("SAST", "South Africa Standard Time", "Africa/Johannesburg"),
    ("WAT", "West Africa Standard Time", "Africa/Lagos"),
    ("EAT", "East Africa Time", "Africa/Nairobi"),
];
