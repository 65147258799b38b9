//! The client by every adapter: the same scenarios against a real broker, against one with TLS that runs short, and against
//! a scripted peer. A new adapter is a file in `adapters`, and a line at the end of this one.

mod adapters;
#[path = "../tls/certificates.rs"]
#[allow(dead_code, reason = "the tests of TLS need more of them")]
mod certificates;
mod client;
#[path = "../../../amqp-client/tests/shared/frames.rs"]
#[allow(dead_code, reason = "other tests need more of them")]
mod frames;
mod peer;
mod scenarios;
mod stage;
mod styles;

/// A test of each scenario by an adapter. Those that want a node of their own come last.
macro_rules! conformance {
    ($($module:ident: $adapter:ident, $lines:literal lines;)*) => {
        $(conformance!(
            $module, $adapter, $lines:
            connects_and_closes
            wrong_password
            unknown_virtual_host
            closed_port
            revision_0_8
            declare_publish_get
            consume_and_ack
            reject_and_requeue
            large_body
            confirms_one_by_one
            confirms_pipelined
            nack
            returns
            cancel_by_client
            cancel_by_server
            channel_error
            close_by_server
            heartbeat_loss
            shutdown
            shutdown_with_something_left
            flow
            forced_close
            end_of_stream
            handles_dropped;
            tls
            blocked
        );)*
    };
    ($module:ident, $adapter:ident, $lines:literal: $($scenario:ident)*; $($private:ident)*) => {
        mod $module {
            use crate::adapters::$adapter;
            use crate::scenarios;
            use crate::stage::{Node, Outcome, play};

            /// What an adapter costs, beside what it has in common with others of its style.
            #[test]
            fn has_as_many_lines_as_is_said() {
                let source = include_str!(concat!("adapters/", stringify!($module), ".rs"));
                assert_eq!(source.lines().count(), $lines);
            }

            $(
                #[test]
                fn $scenario() -> Outcome {
                    play::<$adapter>(scenarios::$scenario::<$adapter>)
                }
            )*

            mod private_node {
                use super::*;

                $(
                    #[test]
                    fn $private() -> Outcome {
                        let _turn = Node::turn();
                        play::<$adapter>(scenarios::$private::<$adapter>)
                    }
                )*
            }
        }
    };
}

conformance! {
    tokio: Tokio, 27 lines;
    smol: Smol, 25 lines;
    threaded: Threaded, 24 lines;
    single_threaded: SingleThreaded, 24 lines;
    event_loop: Callbacks, 23 lines;
    compio: Compio, 30 lines;
}
