//! What a test can ask of its broker. That nothing of it stays behind is in `leaves_nothing.rs`.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use amqp_tests::broker::{Alarm, Broker, Options, TlsListener};

/// Connects and returns the first octet that a protocol header is answered with.
fn first_octet(address: impl ToSocketAddrs) -> std::io::Result<u8> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"AMQP\0\0\x09\x01")?;
    let mut octet = [0];
    stream.read_exact(&mut octet)?;
    Ok(octet[0])
}

#[test]
fn a_virtual_host_is_added_for_the_user_of_the_uri() {
    let broker = Broker::shared();
    let name = format!("broker-test-{}", std::process::id());
    let url = broker.add_vhost(&name).unwrap();
    assert_eq!(url.rsplit('/').next(), Some(name.as_str()));
    let permissions = broker
        .rabbitmqctl(["-q", "list_permissions", "-p", &name, "--no-table-headers"])
        .unwrap();
    assert_eq!(permissions.trim(), "guest\t.*\t.*\t.*");
    broker.rabbitmqctl(["delete_vhost", &name]).unwrap();
    let error = broker.rabbitmqctl(["delete_vhost", &name]).unwrap_err();
    assert!(error.to_string().contains(&name), "{error}");
}

#[test]
fn users_come_with_permissions_and_rows_are_read() {
    let broker = Broker::shared();
    let name = format!("broker-user-{}", std::process::id());
    broker.add_user(&name, "s3cret", ["^$", "a", ".*"]).unwrap();
    let rows = broker.rows(["list_permissions"]).unwrap();
    let own = rows.iter().find(|row| row[0] == name).unwrap();
    assert_eq!(own[1..], ["^$", "a", ".*"]);
    broker.rabbitmqctl(["delete_user", &name]).unwrap();
}

mod private_node {
    use super::*;

    /// A certificate that vouches for itself, beside its key.
    fn make_certificate(folder: &Path) {
        let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-nodes", "-days", "1", "-subj", "/CN=localhost"])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .arg("-keyout")
            .arg(key)
            .arg("-out")
            .arg(certificate)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    #[test]
    fn takes_options_ends_and_begins_again() {
        let folder = std::env::temp_dir().join(format!("amqp-broker-test-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        make_certificate(&folder);
        let options = Options {
            config: "channel_max = 77\n".into(),
            advanced: "[{rabbit, [{channel_tick_interval, 1000}]}].\n".into(),
            plugins: vec!["rabbitmq_event_exchange".into()],
            files: Vec::new(),
            tls: Some(TlsListener {
                authorities: folder.join("certificate.pem"),
                certificate: folder.join("certificate.pem"),
                key: folder.join("key.pem"),
                verify_peer: true,
                fail_if_no_peer_cert: true,
            }),
        };
        let broker = Broker::start(&options).unwrap();
        let environment = broker.rabbitmqctl(["environment"]).unwrap();
        assert!(environment.contains("{channel_max,77}"), "{environment}");
        assert!(
            environment.contains("{channel_tick_interval,1000}"),
            "{environment}"
        );
        assert!(environment.contains("{rabbitmq_event_exchange,"), "{environment}");
        assert!(broker.url().starts_with("amqp://guest:guest@127.0.0.1:"));

        assert_eq!(first_octet(broker.address()).unwrap(), 1, "a method frame");
        let tls = ("127.0.0.1", broker.tls_port().unwrap());
        assert_eq!(first_octet(tls).unwrap(), 0x15, "an alert of TLS");
        assert_eq!(broker.connections_accepted().unwrap(), 1);

        broker.freeze().unwrap();
        assert_eq!(
            first_octet(broker.address()).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        broker.thaw().unwrap();
        assert_eq!(first_octet(broker.address()).unwrap(), 1);

        broker.add_vhost("kept").unwrap();
        let ends: [fn(&Broker) -> _; 2] = [Broker::stop, Broker::kill];
        for end in ends {
            end(&broker).unwrap();
            assert_eq!(
                first_octet(broker.address()).unwrap_err().kind(),
                ErrorKind::ConnectionRefused
            );
            broker.start_again().unwrap();
            assert_eq!(first_octet(broker.address()).unwrap(), 1);
        }
        let vhosts = broker.rows(["list_vhosts", "name"]).unwrap();
        assert!(vhosts.contains(&vec!["kept".to_owned()]), "{vhosts:?}");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn alarms_are_raised_and_cleared() {
        let broker = Broker::private(&Options::default());
        for alarm in [Alarm::Memory, Alarm::Disk] {
            broker.raise(alarm).unwrap();
            broker.clear(alarm).unwrap();
        }
    }
}
