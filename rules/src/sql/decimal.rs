//! Decimal numbers of 34 significant digits (RULES-111 to RULES-114).
//!
//! Arithmetic is exact and then rounded once, half-even, to 34 digits (RULES-176). A result outside `1E-999` to
//! `9.99…E999` does not exist: every operation answers an `Option`.

use std::cmp::Ordering;
use std::fmt;

use super::wide::{Wide, power_of_ten};

/// Significant digits of a Decimal, digits of an Int.
pub(super) const DIGITS: u32 = 34;
/// The first integer that is too large for an Int: 10^34.
pub(super) const BOUND: i128 = 10_i128.pow(DIGITS);
const MAX_EXPONENT: i32 = 999;

/// `coefficient * 10^exponent`, the coefficient below 10^34. Keeps trailing zeros: `10.0` is not folded into `10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    coefficient: i128,
    exponent: i32,
}

impl Decimal {
    /// Nought.
    pub const ZERO: Self = Self { coefficient: 0, exponent: 0 };

    /// An integer; `None` with more than 34 digits.
    pub const fn from_int(value: i128) -> Option<Self> {
        if value > -BOUND && value < BOUND { Some(Self { coefficient: value, exponent: 0 }) } else { None }
    }

    /// A double, by its shortest decimal form; `None` for infinities and NaN.
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        Self::parse(&format!("{value:?}")).map(|parsed| parsed.value)
    }

    /// The nearest double.
    pub fn to_f64(self) -> f64 {
        if self.exponent == 0 && self.coefficient.unsigned_abs() < 1 << 53 {
            return self.coefficient as f64;
        }
        format!("{}e{}", self.coefficient, self.exponent).parse().unwrap_or(f64::NAN)
    }

    /// Reads `-?digits[.digits][(e|E)[+-]digits]`; `None` for anything else and outside the bounds.
    pub fn parse(text: &str) -> Option<Parsed> {
        let (negative, mut rest) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            all => (false, all),
        };
        let mut magnitude = Accumulator::default();
        let mut exponent: i32 = 0;
        let whole = magnitude.digits(&mut rest);
        if whole == 0 {
            return None;
        }
        if let [b'.', fraction @ ..] = rest {
            rest = fraction;
            let digits = magnitude.digits(&mut rest);
            if digits == 0 {
                return None;
            }
            exponent = exponent.checked_sub(i32::try_from(digits).ok()?)?;
        }
        if let [b'e' | b'E', power @ ..] = rest {
            let text = std::str::from_utf8(power).ok()?;
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let power: i32 =
                text.parse().unwrap_or(if text.starts_with('-') { -1_000_000 } else { 1_000_000 });
            exponent = exponent.saturating_add(power.clamp(-1_000_000, 1_000_000));
            rest = &[];
        }
        if !rest.is_empty() {
            return None;
        }
        let (magnitude, dropped, inexact) = magnitude.finish();
        let exact = !inexact;
        let value = Self::new(negative, magnitude, exponent.checked_add(dropped)?)?;
        Some(Parsed { value, exact })
    }

    /// Folds the sign in and checks the bounds.
    fn new(negative: bool, magnitude: u128, exponent: i32) -> Option<Self> {
        let coefficient = i128::try_from(magnitude).ok()?;
        let coefficient = if negative { -coefficient } else { coefficient };
        if coefficient == 0 {
            return Some(Self { coefficient, exponent: exponent.clamp(-MAX_EXPONENT, 0) });
        }
        let value = Self { coefficient, exponent };
        (-MAX_EXPONENT..=MAX_EXPONENT).contains(&value.adjusted()).then_some(value)
    }

    fn rounded(negative: bool, wide: Wide, exponent: i32, sticky: bool) -> Option<Self> {
        let (magnitude, dropped) = wide.round(DIGITS, sticky);
        Self::new(negative, magnitude, exponent.checked_add(dropped)?)
    }

    fn magnitude(self) -> u128 {
        self.coefficient.unsigned_abs()
    }

    fn digits(self) -> i32 {
        digits_of(self.magnitude())
    }

    /// The exponent of the first digit.
    fn adjusted(self) -> i32 {
        self.exponent + self.digits() - 1
    }

    /// Whether it is nought.
    pub const fn is_zero(self) -> bool {
        self.coefficient == 0
    }

    /// Whether it is below nought.
    pub const fn is_negative(self) -> bool {
        self.coefficient < 0
    }

    /// The opposite.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self { coefficient: -self.coefficient, exponent: self.exponent }
    }

    /// The value without its sign.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self { coefficient: self.coefficient.abs(), exponent: self.exponent }
    }

    /// The sum.
    pub fn plus(self, other: Self) -> Option<Self> {
        let (high, low) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        let gap = (high.exponent - low.exponent).unsigned_abs();
        if gap <= 3 {
            // Below 10^37 each: fits easily.
            let sum = high.coefficient * 10_i128.pow(gap) + low.coefficient;
            return Self::rounded(sum < 0, Wide::from(sum.unsigned_abs()), low.exponent, false);
        }
        if high.is_zero() {
            return Some(low);
        }
        let room = 76 - high.digits().unsigned_abs();
        let shift = gap.min(room);
        let base = Wide::from(high.magnitude()).times_power_of_ten(shift);
        let same_sign = high.is_negative() == low.is_negative();
        let exponent = high.exponent - shift.cast_signed();
        if gap > room {
            // The lower number only decides how the higher one is rounded.
            return match (low.is_zero(), same_sign) {
                (true, _) => Self::rounded(high.is_negative(), base, exponent, false),
                (false, true) => Self::rounded(high.is_negative(), base, exponent, true),
                (false, false) => {
                    Self::rounded(high.is_negative(), base.minus(Wide::from(1)), exponent, true)
                }
            };
        }
        let other = Wide::from(low.magnitude());
        if same_sign {
            Self::rounded(high.is_negative(), base.plus(other), exponent, false)
        } else if base >= other {
            Self::rounded(high.is_negative(), base.minus(other), exponent, false)
        } else {
            Self::rounded(low.is_negative(), other.minus(base), exponent, false)
        }
    }

    /// The difference.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(other.negated())
    }

    /// The product.
    pub fn times(self, other: Self) -> Option<Self> {
        let negative = self.is_negative() != other.is_negative();
        let product = Wide::product(self.magnitude(), other.magnitude());
        Self::rounded(negative, product, self.exponent + other.exponent, false)
    }

    /// The quotient; `None` for a division by nought (RULES-177).
    pub fn divided_by(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let divisor = other.magnitude();
        let ideal = self.exponent - other.exponent;
        let mut exponent = ideal;
        let mut quotient = self.magnitude() / divisor;
        let mut rest = self.magnitude() % divisor;
        while rest != 0 && quotient < BOUND.unsigned_abs() {
            // rest < divisor < 10^34, so four more digits fit.
            let scaled = rest * 10_000;
            quotient = quotient * 10_000 + scaled / divisor;
            rest = scaled % divisor;
            exponent -= 4;
        }
        while rest == 0 && exponent < ideal && quotient != 0 && quotient.is_multiple_of(10) {
            quotient /= 10;
            exponent += 1;
        }
        let negative = self.is_negative() != other.is_negative();
        Self::rounded(negative, Wide::from(quotient), exponent, rest != 0)
    }

    /// The remainder, with the sign of the left operand (RULES-179); `None` for a division by nought.
    pub fn remainder(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let (mut rest, mut modulus) = (self.magnitude(), other.magnitude());
        let exponent = self.exponent.min(other.exponent);
        if self.exponent >= other.exponent {
            rest %= modulus;
            let mut shift = (self.exponent - other.exponent).unsigned_abs();
            while shift > 0 && rest != 0 {
                let step = shift.min(4);
                rest = rest * 10_u128.pow(step) % modulus;
                shift -= step;
            }
        } else {
            let shift = (other.exponent - self.exponent).unsigned_abs();
            match power_of_ten(shift).and_then(|power| modulus.checked_mul(power)) {
                Some(scaled) => modulus = scaled,
                None => return Some(self),
            }
            rest %= modulus;
        }
        Self::new(self.is_negative(), rest, exponent)
    }

    /// The value with at most `places` digits behind the point.
    #[must_use]
    pub fn to_places(self, places: u32, mode: Toward) -> Self {
        let behind = if self.exponent < 0 { self.exponent.unsigned_abs() } else { 0 };
        let Some(drop) = behind.checked_sub(places).filter(|drop| *drop > 0) else { return self };
        let exponent = -places.cast_signed();
        let Some(unit) = power_of_ten(drop) else {
            let away = !self.is_zero()
                && match mode {
                    Toward::Zero | Toward::NearestAwayFromZero => false,
                    Toward::Down => self.is_negative(),
                    Toward::Up => !self.is_negative(),
                };
            let coefficient = i128::from(away) * self.coefficient.signum();
            return Self { coefficient, exponent };
        };
        let (whole, rest) = (self.magnitude() / unit, self.magnitude() % unit);
        let away = match mode {
            Toward::Zero => false,
            Toward::Down => rest != 0 && self.is_negative(),
            Toward::Up => rest != 0 && !self.is_negative(),
            Toward::NearestAwayFromZero => rest >= unit - rest,
        };
        let whole = (whole + u128::from(away)).cast_signed();
        Self { coefficient: if self.is_negative() { -whole } else { whole }, exponent }
    }

    /// The value without trailing zeros behind the point.
    #[must_use]
    pub fn trimmed(self) -> Self {
        let Self { mut coefficient, mut exponent } = self;
        while exponent < 0 && coefficient % 10 == 0 {
            coefficient /= 10;
            exponent += 1;
        }
        Self { coefficient, exponent }
    }

    /// The value as Int; `None` when it has a fraction or more than 34 digits.
    pub fn to_int(self) -> Option<i128> {
        if self.is_zero() {
            return Some(0);
        }
        let value = if self.exponent >= 0 {
            let power = 10_i128.checked_pow(self.exponent.unsigned_abs())?;
            self.coefficient.checked_mul(power)?
        } else {
            let power = 10_i128.checked_pow(self.exponent.unsigned_abs())?;
            if self.coefficient % power != 0 {
                return None;
            }
            self.coefficient / power
        };
        (value.abs() < BOUND).then_some(value)
    }

    /// The integer part after rounding; the largest or smallest `i128` when it does not fit.
    pub fn to_int_saturating(self, mode: Toward) -> i128 {
        let whole = self.to_places(0, mode);
        let power = 10_i128.checked_pow(whole.exponent.unsigned_abs());
        let limit = if whole.is_negative() { i128::MIN } else { i128::MAX };
        power.and_then(|power| whole.coefficient.checked_mul(power)).unwrap_or(limit)
    }
}

/// The direction of rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toward {
    /// Digits are cut off.
    Zero,
    /// Minus infinity.
    Down,
    /// Plus infinity.
    Up,
    /// The nearest; halves go away from nought (RULES-193).
    NearestAwayFromZero,
}

/// What [`Decimal::parse`] read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The value, rounded half-even to 34 digits.
    pub value: Decimal,
    /// Whether nothing was rounded away.
    pub exact: bool,
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.compare(*other))
    }
}

impl Decimal {
    /// Compares by value: 1.0 and 1.00 are equal here, though not under `==`.
    pub fn compare(self, other: Self) -> Ordering {
        let signs = self.coefficient.signum().cmp(&other.coefficient.signum());
        if signs != Ordering::Equal || self.is_zero() {
            return signs;
        }
        let by_size = self.adjusted().cmp(&other.adjusted()).then_with(|| {
            let (left, right) = (self.digits(), other.digits());
            let scale = |value: Self, digits: i32| {
                value.magnitude() * 10_u128.pow((left.max(right) - digits).unsigned_abs())
            };
            scale(self, left).cmp(&scale(other, right))
        });
        if self.is_negative() { by_size.reverse() } else { by_size }
    }
}

/// Plain digits, or scientific notation when that is needed to show the digits that count (RULES-133): `0.001`, `1.5E-9`, `1E3`.
/// What it prints is a JSON number and satisfies RULES-126.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_negative() { "-" } else { "" };
        let digits = self.magnitude().to_string();
        let adjusted = self.adjusted();
        if self.exponent == 0 {
            return write!(f, "{sign}{digits}");
        }
        if self.exponent < 0 && adjusted >= -6 {
            let point = digits.len().cast_signed() + self.exponent as isize;
            return match usize::try_from(point).ok().filter(|point| *point > 0) {
                Some(point) => {
                    let (whole, fraction) = digits.split_at_checked(point).unwrap_or((&digits, ""));
                    write!(f, "{sign}{whole}.{fraction}")
                }
                None => {
                    let zeros = point.unsigned_abs();
                    write!(f, "{sign}0.{:0>width$}", digits, width = zeros + digits.len())
                }
            };
        }
        let (first, others) = digits.split_at_checked(1).unwrap_or((&digits, ""));
        let point = if others.is_empty() { "" } else { "." };
        write!(f, "{sign}{first}{point}{others}E{adjusted}")
    }
}

/// Collects decimal digits; beyond 38 it only remembers what rounding needs.
#[derive(Default)]
struct Accumulator {
    value: u128,
    dropped: i32,
    /// The first dropped digit.
    next: u8,
    sticky: bool,
}

impl Accumulator {
    const FULL: u128 = 10_u128.pow(37);

    /// Takes the digits at the start of `rest` and answers how many there were.
    fn digits(&mut self, rest: &mut &[u8]) -> usize {
        let mut count = 0;
        while let [digit @ b'0'..=b'9', tail @ ..] = *rest {
            let digit = digit - b'0';
            if self.dropped == 0 && self.value < Self::FULL {
                self.value = self.value * 10 + u128::from(digit);
            } else {
                if self.dropped == 0 {
                    self.next = digit;
                } else {
                    self.sticky |= digit != 0;
                }
                self.dropped = self.dropped.saturating_add(1);
            }
            count += 1;
            *rest = tail;
        }
        count
    }

    /// The value rounded to 34 digits, how many digits were dropped, and whether one of them was not nought.
    fn finish(self) -> (u128, i32, bool) {
        let sticky = self.sticky || self.next != 0;
        let (rounded, dropped) = Wide::from(self.value).round(DIGITS, sticky);
        let inexact = sticky || {
            let power = power_of_ten(dropped.unsigned_abs()).unwrap_or(u128::MAX);
            !self.value.is_multiple_of(power)
        };
        (rounded, self.dropped + dropped, inexact)
    }
}

/// How many decimal digits a number has; 1 for nought.
pub(super) fn digits_of(value: u128) -> i32 {
    value.checked_ilog10().map_or(1, |log| log.cast_signed() + 1)
}

#[cfg(test)]
mod tests;
