//! What the client is made of under each of its features, by Cargo's own tree.

use std::collections::BTreeSet;
use std::process::Command;

/// Crates of runtimes and sockets, by the beginnings of their names.
const RUNTIMES: [&str; 8] = [
    "async-",
    "futures-io",
    "libc",
    "mio",
    "polling",
    "smol",
    "socket2",
    "tokio",
];
/// Crates of TLS and cryptography, likewise.
const TLS: [&str; 9] = [
    "aws-lc",
    "native-tls",
    "openssl",
    "ring",
    "rustls",
    "schannel",
    "security-framework",
    "tokio-rustls",
    "webpki",
];

/// The packages that the client consists of on this machine, with these features alone.
fn packages(features: &str) -> BTreeSet<String> {
    tree(features, "normal")
}

/// Those that are reached by these kinds of dependencies.
fn tree(features: &str, edges: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--package",
            "amqp-client",
            "--edges",
            edges,
            "--prefix",
            "none",
        ])
        .args(["--no-default-features", "--features", features, "--format", "{p}"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    let names = lines.lines().filter_map(|line| line.split(' ').next());
    let packages: BTreeSet<_> = names.map(ToOwned::to_owned).collect();
    assert!(packages.contains("amqp-protocol"), "{lines}");
    packages
}

fn among<'a>(packages: &'a BTreeSet<String>, beginnings: &[&str]) -> Vec<&'a str> {
    let named = |package: &&String| beginnings.iter().any(|beginning| package.starts_with(beginning));
    packages.iter().filter(named).map(String::as_str).collect()
}

#[test]
fn the_core_has_no_runtime_socket_or_tls() {
    let packages = packages("");
    assert_eq!(among(&packages, &RUNTIMES), [""; 0]);
    assert_eq!(among(&packages, &TLS), [""; 0]);
}

/// With what build scripts and macros need, and `tokio-macros`, which the program asks for.
#[test]
fn a_program_over_tokio_without_tls_is_built_of_thirty_crates_at_most() {
    let packages = tree("tokio", "normal,build");
    assert!(packages.contains("amqp-codegen"));
    assert!(packages.len() < 30, "{packages:?}");
}

#[test]
fn a_revision_more_is_no_crate_more() {
    assert_eq!(packages("v0-8"), packages(""));
}

#[test]
fn metrics_are_a_facade_alone() {
    let (without, with) = (packages(""), packages("metrics"));
    let more: Vec<_> = with.difference(&without).map(String::as_str).collect();
    assert_eq!(more, ["metrics", "rapidhash", "rustversion"]);
}

#[test]
fn traces_bring_no_runtime_socket_or_tls() {
    for (feature, package) in [("tracing", "tracing"), ("opentelemetry", "opentelemetry")] {
        let packages = packages(feature);
        assert!(packages.contains(package));
        assert_eq!(among(&packages, &RUNTIMES), [""; 0]);
        assert_eq!(among(&packages, &TLS), [""; 0]);
        assert!(!packages.contains("opentelemetry_sdk"));
    }
}

/// What each style is made of alone, beside the core.
#[test]
fn each_style_has_what_it_needs_and_nothing_else() {
    let core = packages("");
    let own = |style| {
        let packages = packages(style);
        packages.difference(&core).cloned().collect::<Vec<_>>()
    };
    // A poll and sockets.
    for style in ["blocking", "event-loop"] {
        assert_eq!(own(style), ["libc", "mio", "socket2"]);
    }
    assert_eq!(
        own("tokio"),
        ["libc", "mio", "pin-project-lite", "socket2", "tokio"]
    );
    // The reactor async-io and the threads of `blocking`, with what those two share.
    assert_eq!(
        own("smol"),
        [
            "async-channel",
            "async-io",
            "async-task",
            "atomic-waker",
            "bitflags",
            "blocking",
            "cfg-if",
            "concurrent-queue",
            "crossbeam-utils",
            "event-listener",
            "event-listener-strategy",
            "fastrand",
            "futures-io",
            "futures-lite",
            "libc",
            "linux-raw-sys",
            "parking",
            "pin-project-lite",
            "piper",
            "polling",
            "rustix",
            "slab",
            "socket2",
        ]
    );
}

#[test]
fn tls_has_ring_and_can_do_without() {
    let packages = [
        packages("tls"),
        packages("tls-no-provider"),
        packages("tls,tls-bundled-roots"),
    ];
    let found = packages.each_ref().map(|packages| among(packages, &TLS));
    let own = [
        "openssl-probe",
        "rustls",
        "rustls-native-certs",
        "rustls-pki-types",
        "rustls-webpki",
    ];
    let with = |more: &[&'static str]| {
        let mut all: Vec<_> = own.iter().chain(more).copied().collect();
        all.sort();
        all
    };
    assert_eq!(found[0], with(&["ring"]));
    assert_eq!(found[1], with(&[]));
    assert_eq!(found[2], with(&["ring", "webpki-roots"]));
    // Cryptography has its own use of libc.
    let runtimes = packages.each_ref().map(|packages| among(packages, &RUNTIMES));
    assert_eq!(runtimes, [vec!["libc"], vec![], vec!["libc"]]);
}
