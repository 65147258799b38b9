//! Chance that spreads load: what clients do after the same failure they do not all do at once. It is no good for secrets.

use std::hash::{BuildHasher, RandomState};

/// A number from 0 up to, but not including, 1, as random as the keys of the standard library's hash maps.
pub(crate) fn random() -> f64 {
    // As many bits as a float has.
    (RandomState::new().hash_one(0) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_differs_and_is_between_nothing_and_one() {
        let thrown: Vec<f64> = (0..1000).map(|_| random()).collect();
        assert!(thrown.iter().all(|random| (0.0..1.0).contains(random)));
        let quarters: std::collections::HashSet<_> =
            thrown.iter().map(|random| (random * 4.0) as u8).collect();
        assert_eq!(quarters.len(), 4);
    }
}
