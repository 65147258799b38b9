//! RabbitMQ's own framing modules, `rabbit_framing_amqp_0_8` and `rabbit_framing_amqp_0_9_1`, in an Erlang of their own.
//! What they are asked is the tests'.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

/// Sends the requests, a term each, to one framing module, and gives its answers. `tests/escript/framing.escript` says what
/// can be asked.
///
/// # Panics
/// Without Erlang or RabbitMQ, and when a term is none: a test without its tool has failed.
pub fn ask(module: &str, requests: &[String]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("escript/framing.escript");
    let beam = installed(&format!("/ebin/{module}.beam"));
    let ebin = Path::new(&beam).parent().expect("a file is in a folder");
    let mut child = Command::new("escript")
        .arg(script)
        .arg(module)
        .arg(ebin)
        .arg(installed("/include/rabbit_framing.hrl"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("escript comes with erlang");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input: String = requests.iter().flat_map(|request| [request, ".\n"]).collect();
    // Written aside, so that neither side waits for the other with a full pipe.
    let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("escript ends");
    writer.join().expect("the writer ends").expect("escript reads on");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("answers are ASCII");
    let answers: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), requests.len());
    answers
}

/// The file of Debian's package whose path ends so.
fn installed(end: &str) -> String {
    let output = Command::new("dpkg")
        .args(["-L", "rabbitmq-server"])
        .output()
        .expect("dpkg is installed");
    let list = String::from_utf8(output.stdout).expect("paths are UTF-8");
    let found = list.lines().find(|line| line.ends_with(end));
    found
        .unwrap_or_else(|| panic!("rabbitmq-server has no {end}"))
        .to_owned()
}
