//! Our specifications against Debian's: the facts are the standard's, and the overlay is what RabbitMQ adds.

use crate::support::{Folder, amqp_codegen, debian};

const CONNECTION_EXTENSIONS: &str = "\
connection.blocked: only in the first (method 60)
connection.unblocked: only in the first (method 61)
connection.update-secret: only in the first (method 70)
connection.update-secret-ok: only in the first (method 71)
constant no-route: only in the first (312)
";

#[test]
fn our_facts_are_those_of_the_standard() {
    let folder = Folder::new("standard");
    for (ours, variant) in [(amqp_spec::AMQP_0_8, "0-8"), (amqp_spec::AMQP_0_9_1, "0-9-1")] {
        let (ours, theirs) = (folder.spec(&ours), debian(variant));
        for (a, b) in [(&ours, &theirs), (&theirs, &ours)] {
            let ran = amqp_codegen(&[&"diff", a, b]);
            assert_eq!(
                (ran.status, ran.stdout.as_str(), ran.stderr.as_str()),
                (0, "", "")
            );
        }
    }
}

#[test]
fn the_overlay_is_what_rabbitmq_adds_and_more() {
    let folder = Folder::new("rabbit");
    let (base, overlay) = (
        folder.spec(&amqp_spec::AMQP_0_9_1),
        folder.spec(&amqp_spec::RABBITMQ),
    );
    let theirs = debian("0-9-1-rabbit");
    let ran = amqp_codegen(&[&"diff", &base, &theirs, &"--overlay-a", &overlay]);
    assert_eq!((ran.status, ran.stderr.as_str()), (1, ""));
    assert_eq!(ran.stdout, CONNECTION_EXTENSIONS);

    let ran = amqp_codegen(&[&"diff", &theirs, &base, &"--overlay-b", &overlay]);
    assert_eq!((ran.status, ran.stderr.as_str()), (1, ""));
    assert_eq!(
        ran.stdout,
        CONNECTION_EXTENSIONS.replace("in the first", "in the second")
    );

    let ran = amqp_codegen(&[
        &"diff",
        &base,
        &base,
        &"--overlay-a",
        &overlay,
        &"--overlay-b",
        &overlay,
    ]);
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""));
}

#[test]
fn without_the_overlay_every_extension_is_named() {
    let folder = Folder::new("extensions");
    let ran = amqp_codegen(&[
        &"diff",
        &folder.spec(&amqp_spec::AMQP_0_9_1),
        &debian("0-9-1-rabbit"),
    ]);
    assert_eq!(ran.status, 1);
    assert_eq!(
        ran.stdout,
        "basic.ack: chassis client: only in the second (MUST)
basic.cancel: chassis client: only in the second (SHOULD)
basic.cancel-ok: chassis server: only in the second (MAY)
basic.nack: only in the second (method 120)
confirm: only in the second (class 85)
exchange.bind: only in the second (method 30)
exchange.bind-ok: only in the second (method 31)
exchange.declare.auto-delete: only in the second (bit)
exchange.declare.internal: only in the second (bit)
exchange.declare.reserved-2: only in the first (bit)
exchange.declare.reserved-3: only in the first (bit)
exchange.unbind: only in the second (method 40)
exchange.unbind-ok: only in the second (method 51)
"
    );
}

#[test]
fn qpids_variant_of_0_8_is_another_wire_format() {
    let folder = Folder::new("qpid");
    let ran = amqp_codegen(&[&"diff", &folder.spec(&amqp_spec::AMQP_0_8), &debian("0-8-qpid")]);
    assert_eq!((ran.status, ran.stderr.as_str()), (1, ""));
    assert_eq!(
        ran.stdout,
        "basic.consume.arguments: only in the second (table)
basic.recover: response recover-ok: only in the second (yes)
basic.recover-ok: only in the second (method 101)
connection.close.method id: domain: class id -> method id
exchange.bound: only in the second (method 22)
exchange.bound-ok: only in the second (method 23)
"
    );
}

#[test]
fn rabbitmqs_0_8_differs_from_the_standard_in_what_it_says() {
    let folder = Folder::new("rabbit-0-8");
    let (base, overlay) = (
        folder.spec(&amqp_spec::AMQP_0_8),
        folder.spec(&amqp_spec::RABBITMQ_0_8),
    );
    let ran = amqp_codegen(&[&"diff", &base, &base, &"--overlay-b", &overlay]);
    assert_eq!((ran.status, ran.stderr.as_str()), (1, ""));
    let lines: Vec<&str> = ran.stdout.lines().collect();
    for expected in [
        "queue.unbind: only in the second (method 50)",
        "queue.unbind-ok: only in the second (method 51)",
        "basic.recover-async: only in the second (method 100)",
        "basic.recover-ok: only in the second (method 111)",
        "basic.recover: method 100 -> method 110",
    ] {
        assert!(lines.contains(&expected), "{expected}: {}", ran.stdout);
    }
}
