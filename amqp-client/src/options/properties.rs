//! Whatever the URI: what was printed is read as the same, no secret is printed, nothing panics.

use proptest::prelude::*;

use super::ConnectOptions;
use super::tests::{parse, shown};
use crate::dialect::Protocol;

/// Any text, so that it can stand in a URI.
fn encoded() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| {
        text.bytes()
            .map(|octet| format!("%{octet:02x}"))
            .collect::<String>()
    })
}

fn host() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        "[a-z][a-z0-9._-]{0,9}",
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|address| format!("[{address}]")),
        any::<std::net::Ipv6Addr>().prop_map(|address| format!("[{address}%25eth0]")),
    ];
    (name, proptest::option::of(1u16..)).prop_map(|(name, port)| match port {
        Some(port) => format!("{name}:{port}"),
        None => name,
    })
}

fn seconds() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("infinity".to_owned()),
        (1u64.., 0u32..1_000_000_000).prop_map(|(whole, part)| format!("{whole}.{part:09}")),
        (1u64..1000).prop_map(|whole| whole.to_string()),
    ]
}

/// A revision that this build speaks.
fn revision() -> impl Strategy<Value = String> {
    "0-(8|9-1)".prop_filter("not in this build", |name| name.parse::<Protocol>().is_ok())
}

/// One value for each key, of which a URI has some.
fn parameters(tls: bool) -> impl Strategy<Value = Vec<String>> {
    fn key(key: &'static str, value: impl Strategy<Value = String> + 'static) -> BoxedStrategy<String> {
        value.prop_map(move |value| format!("{key}={value}")).boxed()
    }
    fn number(range: impl Strategy<Value = u32> + 'static) -> impl Strategy<Value = String> + 'static {
        range.prop_map(|number| number.to_string())
    }
    let timeout = prop_oneof![
        key(
            "connection_timeout",
            any::<u64>().prop_map(|ms| ms.max(1).to_string())
        ),
        key("socket_timeout", seconds()),
    ];
    let mut keys = vec![
        key("heartbeat", number(0..=65535u32)),
        key("channel_max", number(0..=65535u32)),
        key("frame_max", number(4096u32..)),
        key("connection_attempts", number(1u32..)),
        key("retry_delay", seconds()),
        key("stack_timeout", seconds()),
        key("blocked_connection_timeout", seconds()),
        key("locale", "[a-z]{0,255}"),
        key("name", encoded()),
        key("protocol", revision()),
        key("protocol_fallback", prop_oneof!["true", "false"]),
        key("redirects", number(0..=255u32)),
        key("auth_mechanism", Just("plain".to_owned())),
        timeout.boxed(),
    ];
    if tls {
        keys.extend([
            key("cacertfile", encoded()),
            key("certfile", encoded()),
            key("verify", prop_oneof!["verify_peer", "verify_none"]),
            key(
                "server_name_indication",
                prop_oneof![
                    "[a-z.%]{1,20}".prop_map(|text| text.replace('%', "%2d")),
                    Just("disable".to_owned())
                ],
            ),
            key("depth", number(0..=255u32)),
        ]);
    }
    let len = keys.len();
    (
        keys,
        proptest::sample::subsequence((0..len).collect::<Vec<_>>(), 0..=len),
    )
        .prop_map(|(values, chosen)| chosen.into_iter().map(|at| values[at].clone()).collect())
}

/// A URI that is right, without secrets: what stands before the hosts, and what begins with them.
fn uri() -> impl Strategy<Value = (bool, String, String)> {
    let hosts = proptest::collection::vec(host(), 1..4);
    let path = proptest::option::of("[a-z%]{0,50}".prop_map(|text| text.replace('%', "%2f")));
    let rest = any::<bool>().prop_flat_map(|tls| (Just(tls), parameters(tls)));
    (encoded(), hosts, path, rest).prop_map(|(user, hosts, path, (tls, parameters))| {
        let path = path.map(|path| format!("/{path}")).unwrap_or_default();
        let tail = format!("{}{path}?{}", hosts.join(","), parameters.join("&"));
        (tls, user, tail)
    })
}

/// Text that is found nowhere by chance, with what may be wrong with it around it.
fn secret() -> impl Strategy<Value = String> {
    let odd = "[ -~é%&=@/?#:,]{0,4}";
    (odd, odd).prop_map(|(before, behind)| format!("{before}s3cret{behind}"))
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_the_same((tls, user, tail) in uri()) {
        let scheme = if tls { "amqps" } else { "amqp" };
        let options = parse(&format!("{scheme}://{user}:s3cret@{tail}"));
        let printed = options.to_string();
        let again = parse(&printed);
        prop_assert_eq!(shown(&again), shown(&options));
        prop_assert_eq!(again.to_string(), printed);
    }

    #[test]
    fn no_secret_is_printed((_, user, tail) in uri(), secret in secret(), encode: bool) {
        let secret = match encode {
            true => secret.bytes().map(|octet| format!("%{octet:02X}")).collect(),
            false => secret,
        };
        let shown = match format!("amqps://{user}:{secret}@{tail}&password={secret}").parse::<ConnectOptions>() {
            Ok(options) => format!("{options} {options:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        prop_assert!(!shown.contains("s3cret"), "{}", shown);
    }

    #[test]
    fn no_text_panics(text in any::<String>(), query in "[a-z_=&%0-9.,:/@#\\[\\]]{0,60}") {
        for text in [
            text.clone(),
            format!("amqp://{text}"),
            format!("amqps://{query}"),
            format!("amqps://h?{query}"),
            format!("amqps://h?socket_timeout={text}&{query}"),
        ] {
            // What was accepted can be printed and read again.
            if let Ok(options) = text.parse::<ConnectOptions>() {
                let printed = options.to_string();
                prop_assert_eq!(parse(&printed).to_string(), printed);
            }
        }
    }
}
