//! `with-broker COMMAND`: runs a command beside a broker and ends both together. What a broker is, `amqp_tests::broker` knows.
#![forbid(unsafe_code)]

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::thread;

use amqp_tests::broker::{Broker, Options, RABBITMQCTL_VARIABLE, URL_VARIABLE};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

const HELP: &str = "\
Usage: with-broker COMMAND [ARGUMENT]...

Starts a private RabbitMQ node on free ports of the loopback interface, runs COMMAND with

  AMQP_URL          the node's URI
  AMQP_RABBITMQCTL  a program that is rabbitmqctl for this node

in its environment, and removes the node when COMMAND ends or is ended. With AMQP_URL set
already it starts no node: COMMAND is run as it is.

COMMAND has a process group of its own and no terminal to read from. HUP, INT, QUIT and TERM
are passed on to the group. Should with-broker be killed, the group and the node are killed too.

Exit status: that of COMMAND, also where a signal ended it; 125 when there is no broker;
127 when COMMAND cannot be run.
";

const NO_BROKER: u8 = 125;
const NO_COMMAND: u8 = 127;

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprint!("{HELP}");
        return ExitCode::from(NO_BROKER);
    };
    if program == "--help" || program == "-h" {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let mut command = Command::new(&program);
    command.args(arguments);
    if Broker::named_by_environment().is_some() {
        return cannot_run(&program, &command.exec());
    }
    let broker = match Broker::start(&Options::default()) {
        Ok(broker) => broker,
        Err(error) => {
            eprintln!("with-broker: {error}");
            return ExitCode::from(NO_BROKER);
        }
    };
    match run(command, broker) {
        Ok(status) => pass_on(status),
        Err(error) => cannot_run(&program, &error),
    }
}

/// Runs the command beside the broker. Both have ended when this returns.
fn run(mut command: Command, broker: Broker) -> io::Result<ExitStatus> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])?;
    if io::stdin().is_terminal() {
        // A group in the background that reads from a terminal is stopped.
        command.stdin(Stdio::null());
    }
    command.process_group(0).env(URL_VARIABLE, broker.url());
    if let Some(rabbitmqctl) = broker.rabbitmqctl_program() {
        command.env(RABBITMQCTL_VARIABLE, rabbitmqctl);
    }
    let mut child = command.spawn()?;
    broker.end_group_too(child.id())?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    thread::spawn(move || {
        for signal in signals.forever() {
            if let (Some(group), Some(signal)) = (group, Signal::from_named_raw(signal)) {
                // It fails when the command has just ended, which is what was wanted.
                kill_process_group(group, signal).ok();
            }
        }
    });
    let status = child.wait()?;
    eprintln!(
        "with-broker: the node accepted {} connections",
        broker.connections_accepted()?
    );
    Ok(status)
}

/// Ends as the command did.
fn pass_on(status: ExitStatus) -> ExitCode {
    if let Some(signal) = status.signal() {
        // Returns only for signals that end nobody.
        emulate_default_handler(signal).ok();
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

fn cannot_run(program: &OsString, error: &io::Error) -> ExitCode {
    eprintln!("with-broker: {}: {error}", program.display());
    ExitCode::from(NO_COMMAND)
}
