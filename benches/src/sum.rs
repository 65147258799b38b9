//! Checksums over everything that was decoded: a thorough one that is compared, a cheap one that is timed.

/// Takes in what was read. Fields count in order; the entries of a table in any order, because maps keep none.
pub trait Sum: Default {
    /// A number, widened as a signed or unsigned one is.
    fn number(&mut self, number: u64);

    /// A string.
    fn octets(&mut self, octets: &[u8]);

    /// An entry of a table, whose value `value` takes in; gives what that gives.
    fn entry<R>(&mut self, name: &[u8], value: impl FnOnce(&mut Self) -> R) -> R;

    /// What it came to.
    fn total(&self) -> u64;
}

/// Looks at every octet. Used to compare, never timed.
#[derive(Debug, Default)]
pub struct Thorough {
    ordered: u64,
    entries: u64,
}

impl Sum for Thorough {
    fn number(&mut self, number: u64) {
        self.ordered = (self.ordered.rotate_left(23) ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn octets(&mut self, octets: &[u8]) {
        self.number(octets.len() as u64);
        for &octet in octets {
            self.number(u64::from(octet));
        }
    }

    fn entry<R>(&mut self, name: &[u8], value: impl FnOnce(&mut Self) -> R) -> R {
        let mut entry = Self::default();
        entry.octets(name);
        let result = value(&mut entry);
        entry.number(1);
        self.entries = self.entries.wrapping_add(entry.total());
        result
    }

    fn total(&self) -> u64 {
        self.ordered ^ self.entries.wrapping_mul(0xD6E8_FEB8_6659_FD93)
    }
}

/// Looks at every number, and at the length, the first and the last octet of every string: as little as proves that the
/// value was there. Timed, so it must cost next to nothing beside the decoding.
#[derive(Debug, Default)]
pub struct Light(u64);

impl Sum for Light {
    #[inline]
    fn number(&mut self, number: u64) {
        self.0 = self.0.wrapping_add(number);
    }

    #[inline]
    fn octets(&mut self, octets: &[u8]) {
        if let (Some(&first), Some(&last)) = (octets.first(), octets.last()) {
            self.number(octets.len() as u64 + u64::from(first) + u64::from(last));
        }
    }

    #[inline]
    fn entry<R>(&mut self, name: &[u8], value: impl FnOnce(&mut Self) -> R) -> R {
        self.octets(name);
        value(self)
    }

    #[inline]
    fn total(&self) -> u64 {
        self.0
    }
}
