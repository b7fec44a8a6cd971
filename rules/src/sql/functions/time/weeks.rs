//! Weeks as the United States count them, which is what Java does without a locale of its own: they begin on Sunday, and
//! the first week of a year or month is the one that holds its first day.

use jiff::civil::Date;

/// 1 to 7 from Sunday.
pub(super) fn local_day(date: Date) -> i64 {
    i64::from(date.weekday().to_sunday_one_offset())
}

/// So many days later.
pub(super) fn after(date: Date, days: i64) -> Option<Date> {
    date.checked_add(jiff::Span::new().try_days(days).ok()?).ok()
}

/// The day of a week of a year; the last week there is for a number too high.
pub(super) fn of_year(year: i16, week: i64, day: i64) -> Option<Date> {
    let first = Date::new(year, 1, 1).ok()?;
    let days = i64::from(first.days_in_year());
    // Days of the first week that lie in the year before.
    let before = local_day(first) - 1;
    let weeks = (before + days + 6) / 7;
    // The week that holds December 31st belongs to the next year, unless it ends with it.
    let last = if (before + days) % 7 == 0 { weeks } else { weeks - 1 };
    after(first, (week.min(last) - 1) * 7 - before + day - 1)
}

/// The day of a week of the month that begins with `first`; week 0 lies in the month before.
pub(super) fn of_month(first: Date, week: i64, day: i64) -> Option<Date> {
    after(first, (week - 1) * 7 - (local_day(first) - 1) + day - 1)
}

/// 1 to 6.
pub(super) fn week_of_month(date: Date) -> i64 {
    (i64::from(date.day()) - 1 + local_day(date.first_of_month()) - 1) / 7 + 1
}

/// The year that a date's week belongs to, and the week's number.
pub(super) fn week_of_year(date: Date) -> (i64, i64) {
    let year = i64::from(date.year());
    let first = date.first_of_year();
    let before = local_day(first) - 1;
    let days = i64::from(date.days_in_year());
    let week = (i64::from(date.day_of_year()) - 1 + before) / 7 + 1;
    let is_of_next = (before + days) % 7 != 0 && week == (before + days + 6) / 7;
    if is_of_next { (year + 1, 1) } else { (year, week) }
}
