//! The hosts of one round, in the order in which they are tried, and what a redirect does to it. Trying them is
//! `connect`'s work.

use std::collections::VecDeque;

use crate::options::Host;

/// How many hosts of one redirect are tried. It has room for 255 octets of names, which could be over a hundred.
const HOSTS: usize = 8;

/// The hosts that are yet to be tried in this round.
pub(super) struct Candidates {
    waiting: VecDeque<Host>,
    tried: Vec<Host>,
    /// How many more redirects are followed.
    redirects: u8,
}

impl Candidates {
    pub(super) fn new(hosts: Vec<Host>, redirects: u8) -> Self {
        Self {
            waiting: hosts.into(),
            tried: Vec::new(),
            redirects,
        }
    }

    pub(super) fn next(&mut self) -> Option<Host> {
        let host = self.waiting.pop_front()?;
        self.tried.push(host.clone());
        Some(host)
    }

    /// Whether one more redirect would be followed.
    pub(super) fn follow_redirects(&self) -> bool {
        self.redirects > 0
    }

    /// Puts the hosts that a redirect names before all others, unless they were tried before; what is no host is left out.
    /// False when redirects are not followed any more.
    pub(super) fn redirect(&mut self, host: &str, known_hosts: &[String], default_port: u16) -> bool {
        let Some(rest) = self.redirects.checked_sub(1) else {
            return false;
        };
        self.redirects = rest;
        let named = [host].into_iter().chain(known_hosts.iter().map(String::as_str));
        let mut next: Vec<Host> = Vec::new();
        for host in named
            .take(HOSTS)
            .filter_map(|text| Host::read(text, default_port).ok())
        {
            if !self.tried.contains(&host) && !next.contains(&host) {
                next.push(host);
            }
        }
        self.waiting.retain(|host| !next.contains(host));
        for host in next.into_iter().rev() {
            self.waiting.push_front(host);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Vec<Host> {
        names.iter().map(|name| Host::new(*name, 5672)).collect()
    }

    fn rest(mut candidates: Candidates) -> Vec<Host> {
        std::iter::from_fn(|| candidates.next()).collect()
    }

    fn known(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_named_host_is_next_then_the_known_ones_then_the_others() {
        let mut candidates = Candidates::new(hosts(&["a", "b", "c"]), 1);
        assert_eq!(candidates.next(), Some(Host::new("a", 5672)));
        assert!(candidates.follow_redirects());
        assert!(candidates.redirect("x", &known(&["y:7", "a", "c", "x:5672"]), 5672));
        assert!(!candidates.follow_redirects());
        let mut expected = hosts(&["x", "y", "c", "b"]);
        expected[1].port = 7;
        assert_eq!(rest(candidates), expected);
    }

    #[test]
    fn redirects_are_counted_for_the_round() {
        let mut candidates = Candidates::new(hosts(&["a", "b"]), 2);
        for name in ["x", "y"] {
            candidates.next();
            assert!(candidates.redirect(name, &[], 5672));
        }
        assert!(!candidates.redirect("z", &[], 5672));
        assert_eq!(rest(candidates), hosts(&["y", "b"]));
    }

    #[test]
    fn what_is_no_host_is_left_out_and_of_many_the_first_are_taken() {
        let mut candidates = Candidates::new(hosts(&["a"]), 1);
        candidates.next();
        let many: Vec<String> = (0..100).map(|number| format!("h{number}")).collect();
        candidates.redirect("no host\0", &many, 5672);
        assert_eq!(
            rest(candidates),
            hosts(&["h0", "h1", "h2", "h3", "h4", "h5", "h6"])
        );
    }
}
