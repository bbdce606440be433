//! `health`: asks a running `serve` whether all is well, for containers that check themselves.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;

use super::Exit;
use crate::args::Health;
use crate::output;

/// A server that takes longer is not well.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(options: &Health) -> anyhow::Result<Exit> {
    let answer = ask(options.address).with_context(|| format!("ask {}", options.address))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    output::print_text(&format!("{}\n", body.trim()))?;
    // `HTTP/1.1 200 OK`
    Ok(match head.split(' ').nth(1) {
        Some("200") => Exit::Fine,
        _ => Exit::Failed,
    })
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // HTTP/1.0, so that the answer comes in one piece and the connection ends with it.
    let question = format!("GET /api/health HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(question.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn check(answer: &'static str, expected: Exit) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut question = [0; 512];
            let length = stream.read(&mut question).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&question[..length]).into_owned()
        });
        assert_eq!(run(&Health { address }).unwrap(), expected, "{answer}");
        assert!(server.join().unwrap().starts_with("GET /api/health "));
    }

    #[test]
    fn only_200_is_well() {
        check("HTTP/1.0 200 OK\r\n\r\n{\"status\":\"ok\"}", Exit::Fine);
        check("HTTP/1.0 503 Service Unavailable\r\n\r\n{}", Exit::Failed);
        check("no HTTP", Exit::Failed);
        check("", Exit::Failed);
    }

    #[test]
    fn nobody_there_is_an_error() {
        // Nobody is given port 9.
        let address = "127.0.0.1:9".parse().unwrap();
        assert!(run(&Health { address }).is_err());
    }
}
