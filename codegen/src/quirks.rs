//! Corrections of published specifications that no overlay can express, each a named entry with its reason.

use crate::protocol::{Version, WireType};

/// A correction, where it applies and why it is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quirk {
    /// A short name.
    pub name: &'static str,
    /// Why the specification cannot be taken literally.
    pub reason: &'static str,
}

/// `minor="91"` means 0-9-1.
pub const MINOR_91: Quirk = Quirk {
    name: "minor-91",
    reason: "a published variant of 0-9-1 writes the revision into the minor version",
};

/// The domain `content` of AMQP 0-9.
pub const CONTENT_DOMAIN: Quirk = Quirk {
    name: "content-domain",
    reason: "0-9 uses the domain `content` for the body of message.transfer without defining it; \
             it is an octet (0 inline, 1 reference) and a long string",
};

/// The response of basic.recover in AMQP 0-9-1.
pub const RECOVER_RESPONSE: Quirk = Quirk {
    name: "recover-response",
    reason: "0-9-1 defines basic.recover-ok, and says that it answers basic.recover, \
             yet gives basic.recover no <response>",
};

/// All quirks.
pub const ALL: [Quirk; 3] = [MINOR_91, CONTENT_DOMAIN, RECOVER_RESPONSE];

/// [`MINOR_91`]
pub(crate) fn version(stated: Version) -> Version {
    match stated {
        Version {
            major: 0,
            minor: 91,
            revision: 0,
        } => Version {
            major: 0,
            minor: 9,
            revision: 1,
        },
        stated => stated,
    }
}

/// [`CONTENT_DOMAIN`]
pub(crate) fn domain(version: Version, name: &str) -> Option<WireType> {
    let is_0_9 = version
        == Version {
            major: 0,
            minor: 9,
            revision: 0,
        };
    (is_0_9 && name == "content").then_some(WireType::Content)
}

/// [`RECOVER_RESPONSE`]: the response of a method that states none.
pub(crate) fn response(version: Version, class: &str, method: &str) -> Option<&'static str> {
    let is_0_9_1 = version
        == Version {
            major: 0,
            minor: 9,
            revision: 1,
        };
    match (is_0_9_1, class, method) {
        (true, "basic", "recover") => Some("recover-ok"),
        (true, "basic", "recover-sync") => Some("recover-sync-ok"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn of(major: u8, minor: u8, revision: u8) -> Version {
        Version {
            major,
            minor,
            revision,
        }
    }

    #[test]
    fn a_minor_version_of_91_is_a_revision() {
        assert_eq!(version(of(0, 91, 0)), of(0, 9, 1));
        for sound in [of(8, 0, 0), of(0, 9, 0), of(0, 9, 1), of(0, 91, 1)] {
            assert_eq!(version(sound), sound);
        }
    }

    #[test]
    fn content_is_a_domain_of_0_9_alone() {
        assert_eq!(domain(of(0, 9, 0), "content"), Some(WireType::Content));
        assert_eq!(domain(of(0, 9, 1), "content"), None);
        assert_eq!(domain(of(0, 9, 0), "contents"), None);
    }

    #[test]
    fn recover_is_answered_in_0_9_1_alone() {
        assert_eq!(response(of(0, 9, 1), "basic", "recover"), Some("recover-ok"));
        assert_eq!(
            response(of(0, 9, 1), "basic", "recover-sync"),
            Some("recover-sync-ok")
        );
        assert_eq!(response(of(0, 9, 1), "basic", "recover-async"), None);
        assert_eq!(response(of(8, 0, 0), "basic", "recover"), None);
    }
}
