//! `amqp-peers`: runs every scenario with every client, each in a process of its own, and prints a table. With a scenario
//! and a client it runs that one. `AMQP_URL` names the broker.
#![forbid(unsafe_code)]

mod amqp_client_0_1;
mod amqprs_client;
mod client;
mod lapin_client;
mod ours;
mod scenario;
mod server;

use std::env;
use std::io::{self, Read};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How much of an error's text is shown.
const SHOWN: usize = 80;
const CLIENTS: [&str; 4] = ["this client", "lapin", "amqprs", "amqp-client 0.1.0"];

fn main() -> ExitCode {
    let node = env::var("AMQP_URL").unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672".to_owned());
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => table(scenario::ALL),
        [name] => {
            let chosen: Vec<_> = scenario::ALL
                .iter()
                .copied()
                .filter(|(each, _)| each == name)
                .collect();
            table(&chosen)
        }
        [name, client] => one(name, client, &node),
        _ => ExitCode::from(2),
    }
}

/// Runs one scenario and prints what came of it.
#[tokio::main]
async fn one(name: &str, client: &str, node: &str) -> ExitCode {
    let seen = match client {
        "this client" => scenario::run::<ours::Ours>(name, node).await,
        "lapin" => scenario::run::<lapin_client::Lapin>(name, node).await,
        "amqprs" => scenario::run::<amqprs_client::Amqprs>(name, node).await,
        _ => scenario::run::<amqp_client_0_1::AmqpClient01>(name, node).await,
    };
    let (mark, text) = match &seen {
        Ok(text) => ("yes", text),
        Err(text) => ("no", text),
    };
    let line = text.lines().next().unwrap_or_default();
    let shown: String = line.chars().take(SHOWN).collect();
    println!(
        "{mark}: {shown}{}",
        if shown.len() < line.len() { "..." } else { "" }
    );
    // What a client left running must not keep the process.
    std::process::exit(i32::from(seen.is_err()));
}

fn table(scenarios: &[(&str, &str)]) -> ExitCode {
    println!("| | {} |", CLIENTS.join(" | "));
    println!("|---|---|---|---|---|");
    for (name, question) in scenarios {
        let cells = CLIENTS.map(|client| cell(name, client).unwrap_or_else(|error| error.to_string()));
        println!("| {question} | {} |", cells.join(" | "));
    }
    ExitCode::SUCCESS
}

/// What a process of its own says of one scenario and client.
fn cell(name: &str, client: &str) -> io::Result<String> {
    let mut child = Command::new(env::current_exe()?)
        .args([name, client])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stderr = child.stderr.take();
    let complaints = thread::spawn(move || {
        let mut text = String::new();
        let _ = stderr.as_mut().map(|stderr| stderr.read_to_string(&mut text));
        text
    });
    let begin = Instant::now();
    let status = loop {
        match child.try_wait()? {
            Some(status) => break Some(status),
            None if begin.elapsed() > scenario::LIMIT => {
                child.kill()?;
                child.wait()?;
                break None;
            }
            None => thread::sleep(Duration::from_millis(20)),
        }
    };
    let mut said = String::new();
    if let Some(stdout) = &mut child.stdout {
        stdout.read_to_string(&mut said)?;
    }
    let complaints = complaints.join().unwrap_or_default();
    // A panic of the client's own thread, or the end of its stack, without the folders of this machine.
    let crash = complaints
        .lines()
        .find(|line| line.contains("panicked at") || line.contains("overflowed its stack"))
        .map(|line| match line.rsplit_once("/src/") {
            Some((_, place)) => format!("panic at src/{}", place.trim_end_matches(':')),
            None => line.trim().to_owned(),
        });
    let said = said.trim().replace('|', "\\|");
    Ok(match (status, crash) {
        (None, _) => format!("no: hangs for over {} s", scenario::LIMIT.as_secs()),
        (Some(_), Some(crash)) if said.is_empty() => format!("no: {crash}"),
        (Some(_), Some(crash)) => format!("{said} ({crash})"),
        (Some(status), None) if said.is_empty() => format!("no: {status}"),
        (Some(_), None) => said,
    })
}
