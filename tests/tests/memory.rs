//! What connections and channels keep of the heap of their process while nothing happens on them, in every style, and what a
//! delivery keeps that is held, and what a flood takes. All allocations are counted, those of the runtimes and their threads included.

#[path = "memory/server.rs"]
mod server;
#[path = "memory/styles.rs"]
mod styles;

use std::alloc::System;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use amqp_client::{Config, Delivery};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use self::server::BODIES;
use self::styles::{Blocking, Callbacks, Smol, Style, Threadless, Tokio};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CONNECTIONS: usize = 50;
const CHANNELS: usize = 500;

/// Octets that each may take, a delivery beside its body, and a connection more behind a flood than before.
const CONNECTION: usize = 24 * 1024;
const CHANNEL: usize = 1024;
const DELIVERY: usize = 16 * 1024;
const AFTER_FLOOD: usize = 4 * 1024;
/// The same of an event loop, with a place for each cause that waited; a connection's go at its next heartbeat.
const AFTER_FLOOD_OF_CAUSES: usize = 192 * 1024;

/// Octets that a flood of small deliveries without acknowledgements may take, and how many are taken of it at least.
const FLOOD: usize = 16 * 1024 * 1024;
const TAKEN: usize = 50_000;

/// What the slowest step takes on a busy machine, times ten.
const LIMIT: Duration = Duration::from_secs(20);

/// Octets that are allocated.
fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Turns until no more than so many octets are allocated: a connection's thread may be behind. How many they are.
fn settle(most: usize, mut turn: impl FnMut()) -> usize {
    let begin = Instant::now();
    loop {
        turn();
        let live = live();
        if live <= most {
            return live;
        }
        assert!(begin.elapsed() < LIMIT, "{live} octets and not {most}");
    }
}

fn measure<S: Style>(name: &str, mut style: S, after_flood: usize) {
    let uri = format!("amqp://{}", server::start(CONNECTIONS + 1));
    let mut connections = Vec::with_capacity(CONNECTIONS);
    let mut channels = Vec::with_capacity(CHANNELS);
    // What is made once for all connections.
    let first = style.connect(&uri);
    style.turn(&first);

    let before = live();
    connections.extend((0..CONNECTIONS).map(|_| style.connect(&uri)));
    let last = connections.last().unwrap();
    let idle = settle(before + CONNECTIONS * CONNECTION, || style.turn(last));
    let connection = (idle - before) / CONNECTIONS;

    let before = live();
    channels.extend((0..CHANNELS).map(|_| style.open_channel(last)));
    let idle = settle(before + CHANNELS * CHANNEL, || style.turn(last));
    let channel = (idle - before) / CHANNELS;

    let before = live();
    let kept = keep_of_each_size(&mut style, &channels[0]);
    let octets: usize = kept.iter().map(|delivery| delivery.body().len()).sum();
    let most = before + octets + kept.len() * DELIVERY + after_flood;
    settle(most, || style.turn(last));
    let beside = kept.into_iter().map(|delivery| {
        let (octets, before) = (delivery.body().len(), live());
        drop(delivery);
        before.saturating_sub(live() + octets)
    });
    let beside = beside.max().unwrap();
    assert!(
        beside <= DELIVERY,
        "a delivery holds {beside} octets more than it has"
    );
    let after = settle(before + after_flood, || style.turn(last));
    let more = after.saturating_sub(before);
    let peak = flood_without_end(&mut style, last, &channels[0]);
    println!("{name}: {connection} each connection, {channel} each channel, {beside} beside a delivery,");
    println!("    {more} more after a flood, {peak} while one goes on");
}

/// Takes deliveries more slowly than they come, until reading has paused, and some more; how much that takes at most.
fn flood_without_end<S: Style>(style: &mut S, connection: &S::Connection, channel: &S::Channel) -> usize {
    let limit = Config::default().receive_buffer_messages;
    let (before, begin) = (live(), Instant::now());
    let peak = Arc::new(AtomicUsize::new(0));
    let highest = Arc::clone(&peak);
    let (mut taken, mut behind) = (0, !S::FALLS_BEHIND);
    style.flood_without_end(connection, channel, move |stats| {
        highest.fetch_max(live().saturating_sub(before), Ordering::Relaxed);
        taken += 1;
        behind |= stats.messages_buffered >= limit;
        assert!(begin.elapsed() < LIMIT, "{stats:?}");
        taken < TAKEN || !behind
    });
    let peak = peak.load(Ordering::Relaxed);
    assert!(peak <= FLOOD, "a flood takes {peak} octets");
    peak
}

/// Has the flood run, and keeps one delivery of each size, the first, which has come among many.
fn keep_of_each_size<S: Style>(style: &mut S, channel: &S::Channel) -> Vec<Delivery> {
    let (keep, kept) = mpsc::channel();
    let mut wanted = BODIES.map(|(octets, _)| octets).to_vec();
    style.flood(channel, move |delivery: Delivery| {
        let octets = delivery.body().len();
        if wanted.contains(&octets) {
            wanted.retain(|other| *other != octets);
            keep.send(delivery).unwrap();
        }
    });
    let kept: Vec<_> = kept.iter().collect();
    assert_eq!(kept.len(), BODIES.len());
    kept
}

#[test]
fn idle_connections_and_channels_take_little_memory_in_every_style_and_so_does_a_delivery_that_is_kept() {
    measure("tokio", Tokio::new(), AFTER_FLOOD);
    measure("smol", Smol::new(), AFTER_FLOOD);
    measure("blocking, one thread", Threadless, AFTER_FLOOD);
    measure("event loop", Callbacks::new(), AFTER_FLOOD_OF_CAUSES);
    // Its threads end behind its connections, and nobody counts any more.
    measure("blocking", Blocking, AFTER_FLOOD);
}
