//! The codec from a shell: hexadecimal octets to JSON and back, line by line, and captured connections frame by frame.
//!
//! ```sh
//! $ echo 0032000b01710000000100000000 | wire decode --protocol 0-9-1 --kind method
//! {"class":"queue","method":"declare_ok","arguments":{"queue":"q","message_count":1,"consumer_count":0}}
//! ```
//!
//! It is made for debugging captures, for golden files, and for comparing with other implementations. `wire --help` says
//! what it reads and prints; the kinds of errors are listed there, and in [`fault::KINDS`].

mod dissect;
mod fault;
mod json;
mod lines;
mod revision;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use dissect::Dissector;
use fault::{Fault, KINDS, error_object};
use lines::{Item, decode, encode};
use revision::{ContentClass, Protocol, Revision, V0_8, V0_9_1};

/// The AMQP codec: octets to JSON, JSON to octets, captures to JSON
#[derive(Parser)]
#[command(name = "wire", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lines of hexadecimal digits on standard input to lines of JSON
    Decode(LineArgs),
    /// Lines of JSON on standard input to lines of hexadecimal digits
    Encode(LineArgs),
    /// One direction of a captured connection to a line of JSON for each frame
    Dissect {
        /// The revision; `auto` takes it from the protocol header, else from connection.start, else 0-9-1
        #[arg(long, value_enum, default_value = "auto")]
        protocol: ProtocolArg,
        /// What one side sent, from its first octet on
        file: PathBuf,
    },
}

#[derive(Args)]
struct LineArgs {
    /// The revision
    #[arg(long, value_enum)]
    protocol: RevisionArg,
    /// What each line is
    #[arg(long, value_enum)]
    kind: Kind,
    /// The class of the properties; no other kind has use of it
    #[arg(long, default_value = "basic", value_name = "NAME")]
    class: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum RevisionArg {
    /// AMQP 0-9-1 with RabbitMQ's extensions
    #[value(name = "0-9-1")]
    V0_9_1,
    /// AMQP 0-8 as RabbitMQ speaks it
    #[value(name = "0-8")]
    V0_8,
}

#[derive(Clone, Copy, ValueEnum)]
enum ProtocolArg {
    /// What the file says
    Auto,
    /// AMQP 0-9-1 with RabbitMQ's extensions
    #[value(name = "0-9-1")]
    V0_9_1,
    /// AMQP 0-8 as RabbitMQ speaks it
    #[value(name = "0-8")]
    V0_8,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Class id, method id and arguments: {"class":"queue","method":"declare_ok","arguments":{…}}
    Method,
    /// Property flags and values: {"content_type":"text/plain",…}, those that are present
    Properties,
    /// A length of 4 octets and its fields: [["name",{"I":5}],…], each value with its tag
    Table,
}

fn main() -> ExitCode {
    let matches = Cli::command().after_help(after_help()).get_matches();
    let result = Cli::from_arg_matches(&matches).map_or_else(|error| error.exit(), run);
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads has read enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed or full; the status tells it too.
            let _ = writeln!(io::stderr(), "wire: {error}");
            ExitCode::from(2)
        }
    }
}

fn after_help() -> String {
    let mut help = String::from(
        "Each line of input gives one line of output; a blank line stays blank. What is at fault gives\n\
         {\"error\":{\"kind\":\"…\",\"offset\":7,\"context\":\"queue.declare.arguments\"}} in its line's place. The offset counts\n\
         octets of what is decoded: of the method, properties or table, of the payload of a frame (0 when the\n\
         frame itself is at fault), or of the file when there are no more frames. When the text of a line is at fault it counts octets of the line.\n\
         An error of a frame also has its `channel` and `frame` (type), and reading goes on.\n\n\
         Exit status: 0, 1 if there was any error object, 2 for wrong arguments and unreadable files.\n\n\
         Kinds of errors:\n",
    );
    for (kind, meaning) in KINDS {
        help += &format!("  {kind:<22}  {meaning}\n");
    }
    help
}

/// Whether there was no error object.
fn run(cli: Cli) -> io::Result<bool> {
    match cli.command {
        Command::Decode(args) => match args.protocol {
            RevisionArg::V0_9_1 => convert(decode::<V0_9_1>, item::<V0_9_1>(&args)),
            RevisionArg::V0_8 => convert(decode::<V0_8>, item::<V0_8>(&args)),
        },
        Command::Encode(args) => match args.protocol {
            RevisionArg::V0_9_1 => convert(encode::<V0_9_1>, item::<V0_9_1>(&args)),
            RevisionArg::V0_8 => convert(encode::<V0_8>, item::<V0_8>(&args)),
        },
        Command::Dissect { protocol, file } => dissect(protocol, &file)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display()))),
    }
}

/// What the lines are. A class that has no properties is a wrong argument, for each kind.
fn item<R: Revision>(args: &LineArgs) -> Item {
    let classes = R::CONTENT_CLASSES;
    let Some(class) = classes.iter().find(|class| class.name == args.class) else {
        let known: Vec<&str> = classes.iter().map(|ContentClass { name, .. }| *name).collect();
        let message = format!(
            "no properties: {}\nclasses with properties: {}",
            args.class,
            known.join(", ")
        );
        Cli::command()
            .error(clap::error::ErrorKind::InvalidValue, message)
            .exit()
    };
    match args.kind {
        Kind::Method => Item::Method,
        Kind::Properties => Item::Properties(*class),
        Kind::Table => Item::Table,
    }
}

/// Converts the lines of standard input. What is printed goes out before more input is waited for, so that another program
/// can ask line by line.
fn convert(line: impl Fn(Item, &[u8]) -> Result<String, Fault>, item: Item) -> io::Result<bool> {
    let mut input = BufReader::new(io::stdin().lock());
    let mut output = BufWriter::new(io::stdout().lock());
    let (mut text, mut fine) = (Vec::new(), true);
    while input.read_until(b'\n', &mut text)? > 0 {
        let trimmed = text.trim_ascii_end();
        if !trimmed.is_empty() {
            let converted = line(item, trimmed).unwrap_or_else(|fault| {
                fine = false;
                error_object(&fault)
            });
            output.write_all(converted.as_bytes())?;
        }
        output.write_all(b"\n")?;
        text.clear();
        if !input.buffer().contains(&b'\n') {
            output.flush()?;
        }
    }
    output.flush()?;
    Ok(fine)
}

fn dissect(protocol: ProtocolArg, file: &Path) -> io::Result<bool> {
    let protocol = match protocol {
        ProtocolArg::Auto => None,
        ProtocolArg::V0_9_1 => Some(Protocol::V0_9_1),
        ProtocolArg::V0_8 => Some(Protocol::V0_8),
    };
    let mut dissector = Dissector::new(BufReader::new(File::open(file)?), protocol);
    // Each line goes out at once: the file may be a pipe whose next frame is far.
    let mut output = io::stdout().lock();
    let mut fine = true;
    while let Some(line) = dissector.next_line()? {
        fine &= line.is_ok();
        writeln!(output, "{}", line.unwrap_or_else(|error| error))?;
    }
    output.flush()?;
    Ok(fine)
}
