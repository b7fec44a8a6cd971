//! 256-bit magnitudes: the exact results that [`super::decimal`] rounds.

/// An unsigned number of 256 bits, most significant half first, so that the derived order is the numeric one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wide {
    high: u128,
    low: u128,
}

impl From<u128> for Wide {
    fn from(low: u128) -> Self {
        Self { high: 0, low }
    }
}

impl Wide {
    /// The full product of two numbers.
    pub(super) fn product(a: u128, b: u128) -> Self {
        let (a_high, a_low) = (a >> 64, a & LOW);
        let (b_high, b_low) = (b >> 64, b & LOW);
        let low = a_low * b_low;
        let middle_a = a_high * b_low + (low >> 64);
        let middle_b = a_low * b_high + (middle_a & LOW);
        Self {
            high: a_high * b_high + (middle_a >> 64) + (middle_b >> 64),
            low: (middle_b << 64) | (low & LOW),
        }
    }

    /// The number times 10^`power`; the caller makes sure that it fits: at most 77 digits.
    pub(super) fn times_power_of_ten(self, power: u32) -> Self {
        let first = power.min(38);
        let scaled = |value: u128, power: u32| Self::product(value, 10_u128.pow(power));
        let low = scaled(self.low, first);
        let high = scaled(self.high, first);
        let once = Self { high: low.high.wrapping_add(high.low), low: low.low };
        if power > first { once.times_power_of_ten(power - first) } else { once }
    }

    /// The sum; the caller makes sure that it fits.
    pub(super) fn plus(self, other: Self) -> Self {
        let (low, carry) = self.low.overflowing_add(other.low);
        Self { high: self.high.wrapping_add(other.high).wrapping_add(u128::from(carry)), low }
    }

    /// The difference; the caller makes sure that `other` is not larger.
    pub(super) fn minus(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        Self { high: self.high.wrapping_sub(other.high).wrapping_sub(u128::from(borrow)), low }
    }

    /// Quotient and remainder by a divisor below 2^64.
    fn divided_by(self, divisor: u64) -> (Self, u64) {
        let divisor = u128::from(divisor);
        let mut rest = 0;
        let mut limb = |value: u128| {
            let scaled = (rest << 64) | value;
            rest = scaled % divisor;
            scaled / divisor
        };
        let high = (limb(self.high >> 64) << 64) | limb(self.high & LOW);
        let low = (limb(self.low >> 64) << 64) | limb(self.low & LOW);
        (Self { high, low }, u64::try_from(rest).unwrap_or(u64::MAX))
    }

    /// The number rounded half-even to `digits` digits and how many digits were dropped; `sticky` says that something
    /// not nought follows behind the last digit.
    pub(super) fn round(mut self, digits: u32, mut sticky: bool) -> (u128, i32) {
        let bound = 10_u128.pow(digits);
        if self.high == 0 && self.low < bound {
            return (self.low, 0);
        }
        let mut dropped = 0;
        // Coarse first: nineteen digits at a time while more than that must go.
        while self.high > u128::from(u64::MAX) {
            let (rest, cut) = self.divided_by(10_u64.pow(10));
            sticky |= cut != 0;
            self = rest;
            dropped += 10;
        }
        let mut last = 0;
        while self.high != 0 || self.low >= bound {
            sticky |= last != 0;
            if self.high == 0 {
                last = u64::try_from(self.low % 10).unwrap_or(0);
                self.low /= 10;
            } else {
                (self, last) = self.divided_by(10);
            }
            dropped += 1;
        }
        let up = last > 5 || last == 5 && (sticky || self.low % 2 == 1);
        let rounded = self.low + u128::from(up);
        if rounded == bound { (bound / 10, dropped + 1) } else { (rounded, dropped) }
    }
}

/// 10^`power`, if it fits.
pub(super) fn power_of_ten(power: u32) -> Option<u128> {
    10_u128.checked_pow(power)
}

const LOW: u128 = u64::MAX as u128;
