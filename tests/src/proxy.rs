//! A TCP proxy that does to its connections what networks do: swallows, stalls, delays, cuts, resets; and that records
//! them. It knows no AMQP.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a thread without anything to do rests before it looks again.
const REST: Duration = Duration::from_millis(1);
/// Octets that wait inside the proxy in each direction; then it stops reading.
const ROOM: usize = 64 * 1024;

/// Which way octets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client.
    ToServer,
    /// From the server.
    ToClient,
}

/// What becomes of octets that come from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They are passed on.
    None,
    /// They are taken and passed on to nobody.
    Swallow,
    /// They are not even taken: the sender's writes stall as soon as the buffers between are full.
    Stall,
    /// They are passed on later.
    Delay(Duration),
    /// They are passed on one at a time.
    Trickle,
    /// As many more are passed on; then both connections end.
    CutAfter(u64),
}

/// A proxy on a free port of the loopback interface. What is ordered holds for all its connections; they end when it is
/// dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    orders: Arc<Mutex<Orders>>,
    recordings: Option<Recordings>,
}

/// What a connection through a [recording](Proxy::start_recording) proxy has passed on so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The octets from the client.
    pub to_server: Vec<u8>,
    /// The octets from the server.
    pub to_client: Vec<u8>,
}

/// One for each connection, in the order in which they came.
type Recordings = Arc<Mutex<Vec<Recording>>>;

#[derive(Clone, Copy, Debug)]
struct Orders {
    faults: [Fault; 2],
    /// Directions whose end of stream is due.
    ends: [bool; 2],
    /// Counts the resets; connections made before the last one have ended.
    resets: u64,
    dropped: bool,
}

impl Proxy {
    /// Starts a proxy before the server at `address`.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(address: &str) -> io::Result<Self> {
        Self::start_with(address, None)
    }

    /// Starts a proxy that keeps a copy of all it passes on, before the server at `address`.
    ///
    /// # Errors
    /// As of [`start`](Self::start).
    pub fn start_recording(address: &str) -> io::Result<Self> {
        Self::start_with(address, Some(Recordings::default()))
    }

    fn start_with(address: &str, recordings: Option<Recordings>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let orders = Arc::new(Mutex::new(Orders {
            faults: [Fault::None; 2],
            ends: [false; 2],
            resets: 0,
            dropped: false,
        }));
        let proxy = Self {
            address: listener.local_addr()?,
            orders: Arc::clone(&orders),
            recordings: recordings.clone(),
        };
        let server = address.to_owned();
        thread::spawn(move || {
            while !locked(&orders).dropped {
                let Ok((client, _)) = listener.accept() else {
                    thread::sleep(REST);
                    continue;
                };
                let (orders, server) = (Arc::clone(&orders), server.clone());
                let tape = recordings.clone().map(Tape::begin);
                // Its error is the end of the connection, which client and server see.
                thread::spawn(move || {
                    TcpStream::connect(server).and_then(|server| run(&client, &server, &orders, tape))
                });
            }
        });
        Ok(proxy)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What each connection has passed on so far, in the order in which they came; nothing from a proxy that does not
    /// record. Whoever has got an octet finds it here.
    pub fn recorded(&self) -> Vec<Recording> {
        let locked =
            |recordings: &Recordings| recordings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.recordings.as_ref().map(locked).unwrap_or_default()
    }

    /// Sets what becomes of octets in one direction.
    pub fn set(&self, direction: Direction, fault: Fault) {
        self.order().faults[direction as usize] = fault;
    }

    /// Makes the network a black hole: whoever writes succeeds, and nothing arrives.
    pub fn black_hole(&self) {
        self.order().faults = [Fault::Swallow; 2];
    }

    /// Ends the stream in one direction behind what was taken before; the other goes on.
    pub fn half_close(&self, direction: Direction) {
        self.order().ends[direction as usize] = true;
    }

    /// Resets all connections that there are, on both sides.
    pub fn reset(&self) {
        self.order().resets += 1;
    }

    fn order(&self) -> MutexGuard<'_, Orders> {
        locked(&self.orders)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.order().dropped = true;
    }
}

fn locked(orders: &Mutex<Orders>) -> MutexGuard<'_, Orders> {
    orders.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where one connection is recorded.
struct Tape {
    recordings: Recordings,
    connection: usize,
}

impl Tape {
    fn begin(recordings: Recordings) -> Self {
        let connection = {
            let mut all = recordings.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(Recording::default());
            all.len() - 1
        };
        Self {
            recordings,
            connection,
        }
    }

    /// Writes with the recordings locked, so that nobody has octets that they do not hold.
    fn write(&self, direction: Direction, mut to: &TcpStream, octets: &[u8]) -> io::Result<usize> {
        let mut all = self.recordings.lock().unwrap_or_else(PoisonError::into_inner);
        let count = to.write(octets)?;
        let recording = &mut all[self.connection];
        let side = match direction {
            Direction::ToServer => &mut recording.to_server,
            Direction::ToClient => &mut recording.to_client,
        };
        side.extend_from_slice(&octets[..count]);
        Ok(count)
    }
}

/// One connection, until either side or an order ends it.
fn run(client: &TcpStream, server: &TcpStream, orders: &Mutex<Orders>, tape: Option<Tape>) -> io::Result<()> {
    for stream in [client, server] {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
    }
    let resets = locked(orders).resets;
    let mut lanes = [Lane::default(), Lane::default()];
    loop {
        // Held for the round, which blocks on nothing: what is written behind an order is read under it.
        let now = locked(orders);
        if now.resets != resets {
            for stream in [client, server] {
                // A socket that does not linger is reset by its close.
                rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO))?;
            }
        }
        if now.resets != resets || now.dropped {
            return Ok(());
        }
        let mut moved = false;
        for (direction, from, to) in [
            (Direction::ToServer, client, server),
            (Direction::ToClient, server, client),
        ] {
            let index = direction as usize;
            let write = |octets: &[u8]| match &tape {
                Some(tape) => tape.write(direction, to, octets),
                None => (&*to).write(octets),
            };
            moved |= lanes[index].step(from, to, write, now.faults[index], now.ends[index])?;
        }
        if lanes.iter().all(|lane| lane.over) {
            return Ok(());
        }
        drop(now);
        if !moved {
            thread::sleep(REST);
        }
    }
}

/// One direction of a connection.
#[derive(Default)]
struct Lane {
    /// What was taken, and when it is due.
    waiting: VecDeque<(Instant, u8)>,
    /// The sender has ended its stream.
    ended: bool,
    /// So has the proxy.
    over: bool,
    /// What was passed on since [`Fault::CutAfter`] holds.
    passed: u64,
}

impl Lane {
    /// Moves what can be moved; true when there was something, an error when the connection is to end.
    fn step(
        &mut self,
        mut from: &TcpStream,
        to: &TcpStream,
        write: impl Fn(&[u8]) -> io::Result<usize>,
        fault: Fault,
        end: bool,
    ) -> io::Result<bool> {
        let mut moved = false;
        if !self.ended && fault != Fault::Stall && self.waiting.len() < ROOM {
            let mut buffer = [0; 16 * 1024];
            match from.read(&mut buffer) {
                Ok(count) => {
                    moved = true;
                    self.ended = count == 0;
                    let delay = match fault {
                        Fault::Delay(delay) => delay,
                        _ => Duration::ZERO,
                    };
                    // Behind an end of ours nothing follows.
                    if fault != Fault::Swallow && !self.over {
                        let due = Instant::now() + delay;
                        self.waiting
                            .extend(buffer[..count].iter().map(|octet| (due, *octet)));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        let now = Instant::now();
        let limit = match fault {
            Fault::Stall | Fault::Swallow => 0,
            Fault::Trickle => 1,
            Fault::CutAfter(octets) => octets.saturating_sub(self.passed),
            Fault::None | Fault::Delay(_) => u64::MAX,
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let due = self.waiting.iter().take_while(|(due, _)| *due <= now);
        let octets: Vec<u8> = due.take(limit).map(|(_, octet)| *octet).collect();
        if !octets.is_empty() {
            match write(&octets) {
                Ok(count) => {
                    moved = true;
                    self.waiting.drain(..count);
                    self.passed += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        match fault {
            Fault::CutAfter(octets) if self.passed >= octets => {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            Fault::CutAfter(_) => {}
            _ => self.passed = 0,
        }
        // What disappears or stalls has no end either.
        let ends = self.ended && !matches!(fault, Fault::Swallow | Fault::Stall);
        if !self.over && self.waiting.is_empty() && (ends || end) {
            self.over = true;
            to.shutdown(Shutdown::Write)?;
        }
        Ok(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(100);

    /// A proxy, the client's end of a connection through it, and the server's.
    fn connection() -> (Proxy, TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::start(&listener.local_addr().unwrap().to_string()).unwrap();
        let client = TcpStream::connect(proxy.address()).unwrap();
        let (server, _) = listener.accept().unwrap();
        for stream in [&client, &server] {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.set_write_timeout(Some(PATIENCE)).unwrap();
        }
        (proxy, client, server)
    }

    fn read<const N: usize>(mut stream: &TcpStream) -> [u8; N] {
        let mut octets = [0; N];
        stream.read_exact(&mut octets).unwrap();
        octets
    }

    fn nothing_comes(mut stream: &TcpStream) -> bool {
        stream.set_read_timeout(Some(SHORT)).unwrap();
        let read = stream.read(&mut [0]);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    #[test]
    fn octets_go_both_ways_however_they_are_held_up() {
        for fault in [
            Fault::None,
            Fault::Trickle,
            Fault::Delay(SHORT),
            Fault::CutAfter(4),
        ] {
            let (proxy, mut client, mut server) = connection();
            proxy.set(Direction::ToServer, fault);
            proxy.set(Direction::ToClient, fault);
            let start = Instant::now();
            client.write_all(b"ping").unwrap();
            assert_eq!(&read::<4>(&server), b"ping");
            assert!(fault != Fault::Delay(SHORT) || start.elapsed() >= SHORT);
            if let Fault::CutAfter(_) = fault {
                assert_eq!(client.read(&mut [0]).unwrap(), 0);
            } else {
                server.write_all(b"pong").unwrap();
                assert_eq!(&read::<4>(&client), b"pong");
            }
        }
    }

    #[test]
    fn what_was_passed_on_is_recorded_and_nothing_else() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::start_recording(&listener.local_addr().unwrap().to_string()).unwrap();
        let mut expected = Vec::new();
        for number in 0..3 {
            let mut client = TcpStream::connect(proxy.address()).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            client.write_all(&[number; 3]).unwrap();
            assert_eq!(read(&server), [number; 3]);
            server.write_all(&[number + 10]).unwrap();
            assert_eq!(read(&client), [number + 10]);
            expected.push(Recording {
                to_server: vec![number; 3],
                to_client: vec![number + 10],
            });
            assert_eq!(proxy.recorded(), expected);
        }
        let (plain, mut client, server) = connection();
        client.write_all(b"x").unwrap();
        assert_eq!(&read(&server), b"x");
        assert_eq!(plain.recorded(), []);
    }

    #[test]
    fn swallowed_octets_are_gone_and_stalled_ones_are_not() {
        let (proxy, mut client, server) = connection();
        proxy.black_hole();
        // More than all buffers hold.
        client.write_all(&vec![1; 64 << 20]).unwrap();
        assert!(nothing_comes(&server));
        proxy.set(Direction::ToServer, Fault::Stall);
        // What is on its way is not swallowed any more; a mark shows where it ends.
        client.set_write_timeout(Some(SHORT)).unwrap();
        let stalled = loop {
            if let Err(error) = client.write_all(&[2; 64 << 10]) {
                break error;
            }
        };
        assert_eq!(stalled.kind(), ErrorKind::WouldBlock);
        assert!(nothing_comes(&server));
        proxy.set(Direction::ToServer, Fault::None);
        while read::<1>(&server) != [2] {}
    }

    #[test]
    fn one_direction_ends_and_the_other_goes_on() {
        let (proxy, mut client, mut server) = connection();
        proxy.half_close(Direction::ToClient);
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        client.write_all(b"still").unwrap();
        assert_eq!(&read::<5>(&server), b"still");
        // A client that ends its stream has it ended at the server.
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(server.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn resets_reach_both_ends_and_the_next_connection_lives() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::start(&listener.local_addr().unwrap().to_string()).unwrap();
        let mut client = TcpStream::connect(proxy.address()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(b"x").unwrap();
        assert_eq!(&read::<1>(&server), b"x");
        proxy.reset();
        for stream in [&mut client, &mut server] {
            let error = stream.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        let mut client = TcpStream::connect(proxy.address()).unwrap();
        let (server, _) = listener.accept().unwrap();
        client.write_all(b"y").unwrap();
        assert_eq!(&read::<1>(&server), b"y");
    }
}
