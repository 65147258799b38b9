//! What writes down what a wire tap sees: octets for each direction, and text.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amqp_client::Config;
use amqp_client::methods::connection;
use amqp_client::protocol::ProtocolHeader;
use amqp_client::protocol::frame::HEARTBEAT;
use amqp_client::sans_io::State;
use amqp_client::wire::{self, Sender};

use crate::peer::{Peer, method_frame, start};

/// A file in memory.
#[derive(Clone, Default)]
struct Memory {
    octets: Arc<Mutex<Vec<u8>>>,
    /// How many octets fit, if not all do.
    room: Option<usize>,
}

impl Write for Memory {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut written = self.octets.lock().unwrap();
        if self.room.is_some_and(|room| written.len() + octets.len() > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        written.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_recording_has_the_octets_of_each_direction_and_ends_at_an_error() {
    let (client, server) = (
        Memory::default(),
        Memory {
            room: Some(60),
            ..Memory::default()
        },
    );
    let outputs = (client.clone(), server.clone());
    let recorder = Arc::new(wire::Recorder::new(move |_, sender| {
        Ok(match sender {
            Sender::Client => outputs.0.clone(),
            Sender::Server => outputs.1.clone(),
        })
    }));
    let mut peer = Peer::new(Config::default().wire_tap(recorder.clone()));
    assert_eq!(*client.octets.lock().unwrap(), ProtocolHeader::V0_9_1.octets());
    let first = method_frame(0, &connection::Secure::default());
    peer.feed(&HEARTBEAT);
    assert_eq!(*server.octets.lock().unwrap(), HEARTBEAT);
    assert!(recorder.take_error().is_none());
    peer.feed(&first);
    // Larger than the room: not even a part is there, nor what would fit behind it.
    peer.send(
        0,
        &start("A mechanism whose name takes more octets than there is room for"),
    );
    peer.feed(&HEARTBEAT);
    let recorded = server.octets.lock().unwrap().clone();
    assert!(
        recorded.starts_with(&HEARTBEAT) && recorded.len() < 60,
        "{recorded:?}"
    );
    assert_eq!(recorder.take_error().unwrap().kind(), io::ErrorKind::StorageFull);
    assert!(recorder.take_error().is_none());
}

#[test]
fn files_that_cannot_be_made_are_an_error_of_the_recorder_alone() {
    let recorder = Arc::new(wire::Recorder::to_files("/no such folder/session"));
    let peer = Peer::tuned(Config::default().wire_tap(recorder.clone()), 1, 4096);
    assert_eq!(peer.core.state(), State::Open);
    assert_eq!(recorder.take_error().unwrap().kind(), io::ErrorKind::NotFound);
}

#[test]
fn text_has_the_seconds_since_the_first_frame() {
    let memory = Memory::default();
    let text = wire::Text::new(memory.clone());
    let mut peer = Peer::new(Config::default().wire_tap(Arc::new(text)));
    peer.advance(Duration::from_millis(1500));
    peer.feed(&ProtocolHeader::V0_8.octets());
    let text = String::from_utf8(memory.octets.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let [first, second] = lines.as_slice() else {
        panic!("{text}")
    };
    assert!(
        first.starts_with("0.000000 #") && first.ends_with(" client: protocol header AMQP 0 0 9 1 (0-9-1)")
    );
    assert!(
        second.starts_with("1.500000 #") && second.ends_with(" server: protocol header AMQP 1 1 8 0 (0-8)")
    );
}
