//! What users of AMQP clients have suffered, tried on this one with a real broker and a network that fails. The table in
//! `README.md` beside this file says which test stands for which pitfall; what no broker does is in the client's `scripted`.

mod hostile;
mod network;
mod private_node;
mod runtimes;
mod support;
mod table;
mod undrained;
