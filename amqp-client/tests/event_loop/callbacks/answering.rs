//! A server that answers whatever is asked, and does what it is told to.

use std::collections::HashMap;

use amqp_client::protocol::v0_9_1::{Method, basic, channel, confirm, connection, constants, queue};
use amqp_client::protocol::{DeliveryTag, ShortStr};

use crate::server::{Session, cancel_ok, close, consume_ok, declare_ok, deliver, method, returned};

/// Answers whatever is asked. What a declared queue is called is to happen first.
pub(super) fn answer(session: &mut Session) {
    session.open();
    let mut confirms = HashMap::new();
    while let Some((number, request)) = session.next() {
        let octets = match request {
            Method::Channel(channel::Method::Open(_)) => method(number, &channel::OpenOk {}),
            Method::Confirm(confirm::Method::Select(_)) => {
                confirms.insert(number, 0);
                method(number, &confirm::SelectOk {})
            }
            Method::Basic(basic::Method::Publish(_)) => match confirms.get_mut(&number) {
                Some(tag) => {
                    *tag += 1;
                    let delivery_tag = DeliveryTag(*tag);
                    method(
                        number,
                        &basic::Ack {
                            delivery_tag,
                            multiple: false,
                        },
                    )
                }
                None => continue,
            },
            Method::Basic(basic::Method::Consume(consume)) => {
                let tag = if consume.consumer_tag.as_bytes() == b"c" {
                    "c"
                } else {
                    "another"
                };
                [consume_ok(number, tag), deliver(number, tag, 1, "x")].concat()
            }
            Method::Basic(basic::Method::Cancel(cancel)) if !cancel.no_wait => {
                let tag = if cancel.consumer_tag.as_bytes() == b"c" {
                    "c"
                } else {
                    "another"
                };
                cancel_ok(number, tag)
            }
            Method::Queue(queue::Method::Purge(purge)) if !purge.no_wait => {
                method(number, &queue::PurgeOk { message_count: 0 })
            }
            Method::Queue(queue::Method::Declare(declare)) => {
                let first = cause(number, declare.queue.as_bytes());
                [first, declare_ok(number, "q")].concat()
            }
            Method::Connection(connection::Method::Close(_)) => method(0, &connection::CloseOk {}),
            _ => continue,
        };
        session.write(&octets);
    }
}

fn cause(number: u16, what: &[u8]) -> Vec<u8> {
    match what {
        b"blocked" => {
            let reason = ShortStr::from_static("memory");
            let blocked = method(0, &connection::Blocked { reason });
            [blocked, method(0, &connection::Unblocked {})].concat()
        }
        b"flow" => [false, true]
            .map(|active| method(number, &channel::Flow { active }))
            .concat(),
        b"cancel" => {
            let consumer_tag = ShortStr::from_static("c");
            method(
                number,
                &basic::Cancel {
                    consumer_tag,
                    no_wait: true,
                },
            )
        }
        b"return" => returned(number, "back"),
        b"close channel" => close(number, "over"),
        b"close connection" => {
            let reply_code = constants::CONNECTION_FORCED;
            method(
                0,
                &connection::Close {
                    reply_code,
                    ..Default::default()
                },
            )
        }
        other => panic!("{}", String::from_utf8_lossy(other)),
    }
}
