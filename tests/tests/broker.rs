//! What a test can ask of its broker. That nothing of it stays behind is in `leaves_nothing.rs`.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use amqp_tests::broker::{Broker, Options};

/// Connects to the broker and returns the first octet that it answers a protocol header with.
fn first_octet(broker: &Broker) -> std::io::Result<u8> {
    let address = broker.url().rsplit('@').next().unwrap();
    let mut stream = TcpStream::connect(address)?;
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

mod private_node {
    use super::*;

    #[test]
    fn takes_options_and_can_be_killed() {
        let options = Options {
            config: "channel_max = 77\n".into(),
            advanced: "[{rabbit, [{channel_tick_interval, 1000}]}].\n".into(),
            plugins: vec!["rabbitmq_event_exchange".into()],
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

        assert_eq!(first_octet(&broker).unwrap(), 1, "a method frame");
        assert_eq!(broker.connections_accepted().unwrap(), 1);

        broker.kill().unwrap();
        assert_eq!(
            first_octet(&broker).unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
    }
}
