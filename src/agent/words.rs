//! What headroom and the leader say to each other: short frames over a Unix socket.
//!
//! A frame is one byte for the word, four for the length (big-endian), and the
//! payload. Both ends are the same program, so the format needs no versions.
//! The end of the stream is a word too: the other one has died.

use super::environment::Environment;
use super::plan::Launch;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// What headroom tells the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Start this, in this seat.
    Launch(Launch, Seat),
    /// Pass this signal on.
    Signal(i32),
    /// Let a stopped agent go on.
    Continue,
}

/// Where the agent sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// In a terminal of its own, as the group in the foreground; the leader leads the session.
    Terminal,
    /// With us: same terminal or pipes, same process group.
    Ours,
}

/// What the leader tells headroom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The agent runs, under this process id.
    Started(i32),
    /// It could not be started: the system's error number.
    Failed(i32),
    /// It was stopped by this signal.
    Stopped(i32),
    /// It goes on.
    Continued,
    /// It ended with this code.
    Exited(i32),
    /// It was killed by this signal.
    Killed(i32),
}

/// No payload may be longer: the system's own limit for arguments and environment together is far below.
const LONGEST: usize = 64 << 20;

impl Order {
    /// Writes the order.
    ///
    /// # Errors
    /// When the leader is gone.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        match self {
            Order::Launch(launch, seat) => {
                let mut payload = vec![u8::from(*seat == Seat::Terminal)];
                put(&mut payload, launch.program.as_os_str().as_bytes());
                put(&mut payload, launch.name.as_bytes());
                put_number(&mut payload, launch.arguments.len());
                launch.arguments.iter().for_each(|argument| put(&mut payload, argument.as_bytes()));
                for (name, value) in launch.environment.iter() {
                    put(&mut payload, name.as_bytes());
                    put(&mut payload, value.as_bytes());
                }
                write_frame(to, b'L', &payload)
            }
            Order::Signal(signal) => write_frame(to, b'S', &signal.to_be_bytes()),
            Order::Continue => write_frame(to, b'C', &[]),
        }
    }

    /// Reads an order; `None` at the end of the stream.
    ///
    /// # Errors
    /// When the stream breaks, or holds no order.
    pub fn read(from: &mut impl Read) -> io::Result<Option<Order>> {
        let Some((word, payload)) = read_frame(from)? else { return Ok(None) };
        let order = match word {
            b'L' => launch_of(&payload),
            b'S' => number_of(&payload).map(Order::Signal),
            b'C' => Some(Order::Continue),
            _ => None,
        };
        order.map(Some).ok_or_else(odd)
    }
}

impl Report {
    /// Writes the report.
    ///
    /// # Errors
    /// When headroom is gone.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let (word, number) = match self {
            Report::Started(pid) => (b'p', *pid),
            Report::Failed(error) => (b'f', *error),
            Report::Stopped(signal) => (b's', *signal),
            Report::Continued => (b'c', 0),
            Report::Exited(code) => (b'x', *code),
            Report::Killed(signal) => (b'k', *signal),
        };
        write_frame(to, word, &number.to_be_bytes())
    }

    /// Reads a report; `None` at the end of the stream.
    ///
    /// # Errors
    /// When the stream breaks, or holds no report.
    pub fn read(from: &mut impl Read) -> io::Result<Option<Report>> {
        let Some((word, payload)) = read_frame(from)? else { return Ok(None) };
        let number = number_of(&payload).ok_or_else(odd)?;
        Ok(Some(match word {
            b'p' => Report::Started(number),
            b'f' => Report::Failed(number),
            b's' => Report::Stopped(number),
            b'c' => Report::Continued,
            b'x' => Report::Exited(number),
            b'k' => Report::Killed(number),
            _ => return Err(odd()),
        }))
    }
}

fn odd() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a word that is none")
}

fn write_frame(to: &mut impl Write, word: u8, payload: &[u8]) -> io::Result<()> {
    let mut frame = vec![word];
    put(&mut frame, payload);
    to.write_all(&frame)
}

fn read_frame(from: &mut impl Read) -> io::Result<Option<(u8, Vec<u8>)>> {
    let mut head = [0; 5];
    let mut have = 0;
    while have < head.len() {
        match from.read(&mut head[have..]) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => have += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A process that was killed leaves a reset behind, not an end.
            Err(error) if have == 0 && error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if LONGEST < length {
        return Err(odd());
    }
    let mut payload = vec![0; length];
    from.read_exact(&mut payload)?;
    Ok(Some((head[0], payload)))
}

fn put_number(to: &mut Vec<u8>, number: usize) {
    to.extend(u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
}

fn put(to: &mut Vec<u8>, bytes: &[u8]) {
    put_number(to, bytes.len());
    to.extend(bytes);
}

fn number_of(payload: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(payload.try_into().ok()?))
}

fn launch_of(payload: &[u8]) -> Option<Order> {
    let (seat, mut rest) = payload.split_first()?;
    let seat = if *seat == 1 { Seat::Terminal } else { Seat::Ours };
    let program = PathBuf::from(OsString::from_vec(take(&mut rest)?));
    let name = String::from_utf8(take(&mut rest)?).ok()?;
    let count = take_number(&mut rest)?;
    let arguments = (0..count).map(|_| take(&mut rest).map(OsString::from_vec)).collect::<Option<_>>()?;
    let mut variables = Vec::new();
    while !rest.is_empty() {
        variables.push((OsString::from_vec(take(&mut rest)?), OsString::from_vec(take(&mut rest)?)));
    }
    let environment: Environment = variables.into_iter().collect();
    Some(Order::Launch(Launch { program, name, arguments, environment, files: Vec::new() }, seat))
}

fn take_number(from: &mut &[u8]) -> Option<usize> {
    let (head, rest) = from.split_at_checked(4)?;
    *from = rest;
    Some(u32::from_be_bytes(head.try_into().ok()?) as usize)
}

fn take(from: &mut &[u8]) -> Option<Vec<u8>> {
    let length = take_number(from)?;
    let (bytes, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_reports_come_back_as_they_were_said() {
        let launch = Launch {
            program: "/usr/bin/claude".into(),
            name: "claude".into(),
            arguments: vec!["-p".into(), OsString::from_vec(vec![0xff, b' ', b'\n']), "".into()],
            environment: [("A".into(), "".into()), ("B".into(), OsString::from_vec(vec![0xfe]))]
                .into_iter()
                .collect(),
            files: Vec::new(),
        };
        let orders = [
            Order::Launch(launch.clone(), Seat::Terminal),
            Order::Launch(launch, Seat::Ours),
            Order::Signal(15),
            Order::Continue,
        ];
        let mut wire = Vec::new();
        orders.iter().for_each(|order| order.write(&mut wire).expect("memory takes it"));
        let mut wire = wire.as_slice();
        for order in orders {
            assert_eq!(Order::read(&mut wire).expect("it is an order"), Some(order));
        }
        assert_eq!(Order::read(&mut wire).expect("the end is no error"), None);

        let reports = [
            Report::Started(7),
            Report::Failed(2),
            Report::Stopped(20),
            Report::Continued,
            Report::Exited(-1),
            Report::Killed(9),
        ];
        for report in reports {
            let mut wire = Vec::new();
            report.write(&mut wire).expect("memory takes it");
            assert_eq!(Report::read(&mut wire.as_slice()).expect("it is a report"), Some(report));
        }
    }

    #[test]
    fn half_a_word_is_an_error_and_not_a_hang() {
        for wire in [&b"L\0\0"[..], b"S\0\0\0\x04\0", b"S\xff\xff\xff\xff", b"?\0\0\0\0"] {
            assert!(Order::read(&mut &*wire).is_err(), "{wire:?}");
        }
    }
}
