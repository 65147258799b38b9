//! What is read from which URI, and what is refused and why.

use std::time::Duration;

use super::uri::refuse;
use super::*;
use crate::credentials::Credentials;
use crate::dialect::ProtocolError;

pub(super) fn parse(text: &str) -> ConnectOptions {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// All that is not secret.
pub(super) fn shown(options: &ConnectOptions) -> String {
    format!("{options:?}")
}

#[test]
fn mechanisms_are_taken_in_their_order() {
    let keys = "auth_mechanism=external&auth_mechanism=AMQPLAIN&auth_mechanism=plain";
    let options = parse(&format!("amqp://me:pw@h/?{keys}"));
    let expected = Credentials::external()
        .or(Credentials::amqplain("me", "pw"))
        .or(Credentials::plain("me", "pw"));
    assert_eq!(options.config.credentials, expected);
    assert_eq!(
        options.to_string(),
        format!("amqp://me@h:5672/?{}", keys.to_lowercase())
    );
    let external = parse("amqp://h?auth_mechanism=external");
    assert_eq!(external.config.credentials, Credentials::external());
    assert_eq!(external.to_string(), "amqp://h:5672/%2F?auth_mechanism=external");
    for (name, credentials) in [
        ("anonymous", Credentials::anonymous()),
        ("rabbit-cr-demo", Credentials::rabbit_cr_demo("guest", "guest")),
    ] {
        let options = parse(&format!("amqp://h?auth_mechanism={name}"));
        assert_eq!(options.config.credentials, credentials);
    }
}

#[test]
fn every_part_has_a_default() {
    let options = parse("amqp://");
    assert_eq!(shown(&options), shown(&ConnectOptions::default()));
    assert_eq!(options.config.credentials, Credentials::plain("guest", "guest"));
    assert_eq!(options.to_string(), "amqp://localhost:5672/%2F");
}

#[test]
fn user_password_and_virtual_host_are_percent_decoded() {
    let options = parse("AMQP://us%65r:p%40ss:w@h%6Fst:10000/v%2fhost");
    assert_eq!(options.config.credentials, Credentials::plain("user", "p@ss:w"));
    assert_eq!(options.hosts, [Host::new("host", 10000)]);
    assert_eq!(options.config.virtual_host, "v/host");
    for (text, user, password) in [
        ("amqp://user@h", "user", ""),
        ("amqp://user:@h", "user", ""),
        ("amqp://:@h", "", ""),
        ("amqp://@h", "", ""),
        ("amqp://u:p%2c@h,i", "u", "p,"),
    ] {
        let expected = Credentials::plain(user, password);
        assert_eq!(parse(text).config.credentials, expected, "{text}");
    }
}

#[test]
fn the_three_cases_of_the_virtual_host() {
    for (text, name) in [
        ("amqp://h", "/"),
        ("amqp://h/", ""),
        ("amqp://h/%2f", "/"),
        ("amqp://h?", "/"),
        ("amqp://h/?heartbeat=1", ""),
    ] {
        assert_eq!(parse(text).config.virtual_host, name, "{text}");
    }
}

#[test]
fn hosts_and_their_ports() {
    for (text, hosts) in [
        ("amqp://[::1]", &[("::1", 5672u16)] as &[(&str, u16)]),
        ("amqp://[::1]:7", &[("::1", 7)]),
        ("amqp://[fe80::1%25eth0]:7", &[("fe80::1%eth0", 7)]),
        ("amqp://h:", &[("h", 5672)]),
        ("amqp://user@:81", &[("localhost", 81)]),
        ("amqps://h", &[("h", 5671)]),
        ("amqps://", &[("localhost", 5671)]),
        (
            "amqp://h1:5672,h2,[::1]:5673",
            &[("h1", 5672), ("h2", 5672), ("::1", 5673)],
        ),
        ("amqps://u:p@h1:1,h2/", &[("h1", 1), ("h2", 5671)]),
    ] {
        let hosts: Vec<_> = hosts.iter().map(|(host, port)| Host::new(*host, *port)).collect();
        assert_eq!(parse(text).hosts, hosts, "{text}");
    }
}

/// What a URI is expected to change in the default options.
type Change = fn(ConnectOptions) -> ConnectOptions;

#[test]
fn every_key() {
    fn with(change: fn(Config) -> Config) -> impl Fn(ConnectOptions) -> ConnectOptions {
        move |options| ConnectOptions {
            config: change(options.config),
            ..options
        }
    }
    const S: fn(u64) -> Duration = Duration::from_secs;
    const MS: fn(u64) -> Duration = Duration::from_millis;
    for (query, change) in [
        ("heartbeat=0", with(|config| config.heartbeat(0))),
        ("heartbeat=30", with(|config| config.heartbeat(30))),
        ("channel_max=7", with(|config| config.channel_max(7))),
        ("frame_max=0", with(|config| config.frame_max(0))),
        ("frame_max=4096", with(|config| config.frame_max(4096))),
        ("locale=de_CH", with(|config| config.locale("de_CH"))),
        ("name=my%20app", with(|config| config.connection_name("my app"))),
        ("auth_mechanism=PLAIN", with(|config| config)),
        (
            "blocked_connection_timeout=0.5",
            with(|config| config.blocked_connection_timeout(MS(500))),
        ),
        ("", with(|config| config)),
        ("&&", with(|config| config)),
    ] {
        let expected = change(ConnectOptions::default());
        assert_eq!(
            shown(&parse(&format!("amqp://localhost?{query}"))),
            shown(&expected),
            "{query}"
        );
    }
    let cases: [(&str, Change); 13] = [
        ("connection_timeout=1500", |o| o.connection_timeout(MS(1500))),
        ("connection_timeout=infinity", |o| {
            o.connection_timeout(Duration::MAX)
        }),
        ("socket_timeout=1.5", |o| o.connection_timeout(MS(1500))),
        ("socket_timeout=0.000000001", |o| {
            o.connection_timeout(Duration::from_nanos(1))
        }),
        ("stack_timeout=20", |o| o.stack_timeout(S(20))),
        ("stack_timeout=infinity", |o| o.stack_timeout(Duration::MAX)),
        ("connection_attempts=3", |o| o.connection_attempts(3)),
        ("retry_delay=0", |o| o.retry_delay(S(0))),
        ("retry_delay=2.25", |o| o.retry_delay(MS(2250))),
        ("protocol=0-9-1", |o| o),
        ("protocol_fallback=true", |o| o.protocol_fallback(true)),
        ("redirects=2&protocol_fallback=false", |o| o.redirects(2)),
        ("retry_delay=0.5&connection_attempts=2", |o| {
            o.retry_delay(MS(500)).connection_attempts(2)
        }),
    ];
    for (query, change) in cases {
        let expected = change(ConnectOptions::default());
        assert_eq!(
            shown(&parse(&format!("amqp://localhost?{query}"))),
            shown(&expected),
            "{query}"
        );
    }
}

#[cfg(feature = "v0-8")]
#[test]
fn the_key_of_the_revision() {
    let options = parse("amqp://h/?protocol=0-8");
    assert_eq!(options.config.protocol, crate::dialect::Protocol::V0_8);
    assert_eq!(options.to_string(), "amqp://h:5672/?protocol=0-8");
}

#[cfg(not(feature = "v0-8"))]
#[test]
fn a_revision_that_this_build_does_not_speak_is_refused_with_the_feature_that_adds_it() {
    let error = "amqp://h?protocol=0-8".parse::<ConnectOptions>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid AMQP URI: query key \"protocol\": this build does not speak it: it lacks the feature `v0-8`"
    );
}

#[test]
fn every_key_of_tls() {
    type Change = fn(TlsOptions) -> TlsOptions;
    let cases: [(&str, Change); 13] = [
        ("", |tls| tls),
        ("cacertfile=/a/b.pem", |tls| {
            tls.roots(TlsRoots::File("/a/b.pem".into()))
        }),
        ("certfile=c%20d.pem", |tls| tls.certfile("c d.pem")),
        ("keyfile=k.pem&certfile=c.pem", |tls| {
            tls.certfile("c.pem").keyfile("k.pem")
        }),
        ("password=p%26q", |tls| tls.key_password("p&q")),
        ("verify=verify_peer", |tls| tls),
        ("verify=verify_none", |tls| {
            tls.dangerously_skip_verification(true)
        }),
        ("server_name_indication=other", |tls| {
            tls.server_name(ServerName::Name("other".to_owned()))
        }),
        ("server_name_indication=disable", |tls| {
            tls.server_name(ServerName::Disabled)
        }),
        ("fail_if_no_peer_cert=true", |tls| tls),
        ("fail_if_no_peer_cert=false", |tls| tls),
        ("depth=0", |tls| tls),
        ("depth=255", |tls| tls),
    ];
    for (query, change) in cases {
        let tls = parse(&format!("amqps://localhost?{query}")).tls;
        assert_eq!(tls, Some(change(TlsOptions::default())), "{query}");
    }
}

#[test]
fn parts_that_are_refused_and_why() {
    use UriErrorReason as R;
    const PORT: UriErrorReason = R::NotInRange { min: 1, max: 65535 };
    for (text, part, reason) in [
        ("localhost", UriPart::Scheme, R::UnsupportedScheme),
        ("", UriPart::Scheme, R::UnsupportedScheme),
        ("amqp", UriPart::Scheme, R::UnsupportedScheme),
        ("amqp:/h", UriPart::Scheme, R::UnsupportedScheme),
        ("http://h", UriPart::Scheme, R::UnsupportedScheme),
        ("amqp://a%zz@h", UriPart::User, R::PercentEncoding),
        ("amqp://a:%4@h", UriPart::Password, R::PercentEncoding),
        ("amqp://a:%ff@h", UriPart::Password, R::NotUtf8),
        ("amqp://::1", UriPart::Host, R::Brackets),
        ("amqp://[::1", UriPart::Host, R::Brackets),
        ("amqp://[::1]7", UriPart::Host, R::Brackets),
        ("amqp://[foo]", UriPart::Host, R::Brackets),
        ("amqp://h,[::1", UriPart::Host, R::Brackets),
        ("amqp://h ", UriPart::Host, R::HostName),
        ("amqp://h%00", UriPart::Host, R::HostName),
        ("amqp://h%2ci", UriPart::Host, R::HostName),
        ("amqp://h,,i", UriPart::Host, R::HostName),
        ("amqp://h,", UriPart::Host, R::HostName),
        ("amqp://,", UriPart::Host, R::HostName),
        ("amqp://h,:81", UriPart::Host, R::HostName),
        ("amqp://h:0", UriPart::Port, PORT),
        ("amqp://h:65536", UriPart::Port, PORT),
        ("amqp://h:+1", UriPart::Port, PORT),
        ("amqp://h,i:x", UriPart::Port, PORT),
        ("amqp://u:1234/p@h", UriPart::Password, R::Delimiter),
        ("amqp://u:1234?p@h/", UriPart::Password, R::Delimiter),
        ("amqp://u:1#p@h", UriPart::Password, R::Delimiter),
        ("amqp://u:1@p@h", UriPart::Password, R::Delimiter),
        ("amqp://h/a/b", UriPart::VirtualHost, R::Slash),
        ("amqp://h/a#b", UriPart::VirtualHost, R::Fragment),
        ("amqp://h/%", UriPart::VirtualHost, R::PercentEncoding),
        (
            &format!("amqp://h/{}", "x".repeat(256)),
            UriPart::VirtualHost,
            R::TooLong,
        ),
    ] {
        let error = text.parse::<ConnectOptions>().unwrap_err();
        assert_eq!(error, refuse(part, reason), "{text}");
    }
}

#[test]
fn keys_that_are_refused_and_why() {
    use UriErrorReason as R;
    const U16: UriErrorReason = R::NotInRange { min: 0, max: 65535 };
    let contradiction = |other| R::Contradiction { other };
    for (query, key, reason) in [
        ("heartbeet=1", "heartbeet", R::UnknownKey),
        ("Heartbeat=1", "Heartbeat", R::UnknownKey),
        ("=1", "", R::UnknownKey),
        ("heartbeat=1&heartbeat=1", "heartbeat", R::RepeatedKey),
        ("verify=verify_peer&verify=verify_none", "verify", R::RepeatedKey),
        ("heartbeat", "heartbeat", U16),
        ("heartbeat=-1", "heartbeat", U16),
        ("heartbeat=65536", "heartbeat", U16),
        ("heartbeat=1.5", "heartbeat", U16),
        ("channel_max=65536", "channel_max", U16),
        ("frame_max=4095", "frame_max", R::FrameMax),
        ("connection_timeout=0", "connection_timeout", R::NotMilliseconds),
        (
            "connection_attempts=0",
            "connection_attempts",
            R::NotInRange {
                min: 1,
                max: u32::MAX.into(),
            },
        ),
        ("socket_timeout=0", "socket_timeout", R::Zero),
        ("stack_timeout=0.0", "stack_timeout", R::Zero),
        (
            "blocked_connection_timeout=0",
            "blocked_connection_timeout",
            R::Zero,
        ),
        ("retry_delay=", "retry_delay", R::NotSeconds),
        ("retry_delay=.5", "retry_delay", R::NotSeconds),
        ("retry_delay=1.", "retry_delay", R::NotSeconds),
        ("retry_delay=1e3", "retry_delay", R::NotSeconds),
        ("retry_delay=+1", "retry_delay", R::NotSeconds),
        ("retry_delay=-1", "retry_delay", R::NotSeconds),
        ("retry_delay=NaN", "retry_delay", R::NotSeconds),
        ("retry_delay=0.0000000001", "retry_delay", R::NotSeconds),
        ("retry_delay=18446744073709551616", "retry_delay", R::NotSeconds),
        (
            "connection_timeout=9&socket_timeout=9",
            "socket_timeout",
            contradiction("connection_timeout"),
        ),
        (
            "socket_timeout=9&connection_timeout=9",
            "connection_timeout",
            contradiction("socket_timeout"),
        ),
        (
            "auth_mechanism=plain&auth_mechanism=scram",
            "auth_mechanism",
            R::UnknownMechanism {
                name: "scram".to_owned(),
            },
        ),
        (
            "auth_mechanism=plain&auth_mechanism=PLAIN",
            "auth_mechanism",
            R::RepeatedKey,
        ),
        ("connection_timeout=1.5", "connection_timeout", R::NotMilliseconds),
        ("name=%f", "name", R::PercentEncoding),
        ("name=%ff", "name", R::NotUtf8),
        ("keyfile=k.pem", "keyfile", R::Without { other: "certfile" }),
        (
            "verify=yes",
            "verify",
            R::NotOneOf {
                expected: &["verify_peer", "verify_none"],
            },
        ),
        (
            "fail_if_no_peer_cert=1",
            "fail_if_no_peer_cert",
            R::NotOneOf {
                expected: &["true", "false"],
            },
        ),
        ("protocol=0.9.1", "protocol", R::Protocol(ProtocolError::Unknown)),
        (
            "protocol_fallback=1",
            "protocol_fallback",
            R::NotOneOf {
                expected: &["true", "false"],
            },
        ),
        ("redirects=256", "redirects", R::NotInRange { min: 0, max: 255 }),
        ("depth=256", "depth", R::NotInRange { min: 0, max: 255 }),
        ("password=a&b", "password", R::Ampersand),
        ("password=a&name=b&c=d", "password", R::Ampersand),
        (&format!("locale={}", "x".repeat(256)), "locale", R::TooLong),
    ] {
        let error = format!("amqps://h?{query}")
            .parse::<ConnectOptions>()
            .unwrap_err();
        assert_eq!(error, refuse(UriPart::Query(key.to_owned()), reason), "{query}");
    }
    for key in [
        "cacertfile",
        "certfile",
        "depth",
        "fail_if_no_peer_cert",
        "keyfile",
        "password",
        "server_name_indication",
        "verify",
    ] {
        let error = format!("amqp://h?{key}=1").parse::<ConnectOptions>().unwrap_err();
        assert_eq!(error, refuse(UriPart::Query(key.to_owned()), R::NotTls));
    }
}

#[test]
fn errors_say_what_was_expected() {
    for (text, message) in [
        (
            "amqps://h?verify=1",
            "invalid AMQP URI: query key \"verify\": expected `verify_peer` or `verify_none`",
        ),
        (
            "amqp://h:x",
            "invalid AMQP URI: port: expected a whole number from 1 to 65535",
        ),
        (
            "amqp://h?socket_timeout=1&connection_timeout=1",
            "invalid AMQP URI: query key \"connection_timeout\": socket_timeout was given, which sets the same",
        ),
    ] {
        assert_eq!(text.parse::<ConnectOptions>().unwrap_err().to_string(), message);
    }
}

#[test]
fn what_is_printed_has_every_key_but_the_secrets() {
    let text = "amqps://me@one:5671,[::1]:7/a%2Fb?heartbeat=7&channel_max=8&frame_max=5000\
                &blocked_connection_timeout=1.5&locale=x&name=n%26m&connection_timeout=250&stack_timeout=3\
                &connection_attempts=4&retry_delay=0.001&protocol_fallback=true&redirects=3&cacertfile=/ca.pem&certfile=c&keyfile=k\
                &verify=verify_none&server_name_indication=sni";
    assert_eq!(parse(text).to_string(), text);
    let secret = text.replace("me@", "me:s3cret@") + "&password=s3cret";
    assert_eq!(parse(&secret).to_string(), text);
    assert!(!shown(&parse(&secret)).contains("s3cret"));
    let disabled = "amqps://me@h:5671/?server_name_indication=disable";
    assert_eq!(parse(disabled).to_string(), disabled);
}

#[test]
fn no_error_repeats_a_secret() {
    for text in [
        "amqp://user:s3cret%@h",
        "amqp://u:?s3cret@h",
        "amqp://u:1?s3cret@h/",
        "amqp://u:/s3cret@h",
        "amqp://u:s3cret",
        "amqps://h?password=s3cret%",
        "amqps://h?password=&s3cret",
        "amqps://h?password=&s3cret=1",
        "amqps://h?password=a&name=b&s3cret",
        "amqp://h?password=s3cret",
        "amqps://h?password=s3cret&password=s3cret",
        "amqps://h?pasword=s3cret",
    ] {
        let error = text.parse::<ConnectOptions>().unwrap_err();
        assert!(!format!("{error:?} {error}").contains("s3cret"), "{text}");
    }
}
