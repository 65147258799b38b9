//! TLS against a RabbitMQ listener: whom the client trusts, whom the broker trusts, and what each failure is called.

#[path = "tls/certificates.rs"]
mod certificates;
#[path = "tls/client.rs"]
mod client;
#[path = "tls/event_loop.rs"]
mod event_loop;
#[path = "tls/files.rs"]
mod files;
#[path = "tls/node.rs"]
mod node;
#[path = "tls/ports.rs"]
mod ports;
#[path = "tls/redirects.rs"]
mod redirects;
#[path = "tls/server.rs"]
mod server;
#[path = "tls/traffic.rs"]
mod traffic;
