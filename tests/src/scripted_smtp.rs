//! A mail server in this process that misbehaves at a chosen command of a chosen connection.
//!
//! Where [`crate::smtp`] is a real server with a few faults, this one speaks just enough of the
//! protocol to fail everywhere: it can say something else, say it too late, say nothing, or cut the
//! connection at each [`Stage`], and a script that sees the whole course decides which.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Where in a transaction the server is about to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The client has connected.
    Greeting,
    /// The client has said EHLO in the clear.
    Hello,
    /// The client wants STARTTLS.
    StartTls,
    /// EHLO, encrypted.
    SecureHello,
    /// AUTH.
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA.
    Data,
    /// The mail has begun: its first line was read.
    Mail,
    /// The whole mail was read, with the dot.
    Dot,
    /// QUIT.
    Quit,
}

impl Stage {
    /// All of them, in the order of a transaction.
    pub const ALL: [Stage; 11] = [
        Stage::Greeting,
        Stage::Hello,
        Stage::StartTls,
        Stage::SecureHello,
        Stage::Login,
        Stage::Sender,
        Stage::Recipient,
        Stage::Data,
        Stage::Mail,
        Stage::Dot,
        Stage::Quit,
    ];

    /// What a server says that behaves; empty where it is not its turn.
    fn usual(self) -> &'static str {
        match self {
            Stage::Greeting => "220 scripted ESMTP",
            Stage::Hello => "250-scripted\r\n250 STARTTLS",
            Stage::StartTls => "220 2.0.0 go ahead",
            Stage::SecureHello => "250-scripted\r\n250-ENHANCEDSTATUSCODES\r\n250 AUTH PLAIN",
            Stage::Login => "235 2.7.0 welcome",
            Stage::Sender | Stage::Recipient => "250 2.1.0 fine",
            Stage::Data => "354 go on",
            Stage::Mail => "",
            Stage::Dot => "250 2.0.0 queued",
            Stage::Quit => "221 2.0.0 bye",
        }
    }
}

/// What to do at a stage instead of the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Says this.
    Say(&'static str),
    /// Says this after a while; the connection stays open meanwhile.
    SayAfter(Duration, &'static str),
    /// Closes the connection.
    Cut,
    /// Says nothing until the client goes away.
    Hang,
}

/// A moment in a script.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// Where the transaction is.
    pub stage: Stage,
    /// How often this stage was reached before, on all connections.
    pub before: usize,
    /// The recipient, once it is named.
    pub recipient: &'a str,
}

/// A mail that was read up to its dot.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The recipient of its envelope.
    pub recipient: String,
    /// As it was sent, without the dot.
    pub raw: Vec<u8>,
    /// Whether the server meant to take it: what it said, or would have said, was of class 2xx.
    pub taken: bool,
}

type Script = dyn Fn(Moment<'_>) -> Option<Fault> + Send + Sync;

#[derive(Default)]
struct Course {
    stages: Vec<Stage>,
    mails: Vec<Mail>,
}

/// A server; it ends with the runtime.
pub struct ScriptedSmtp {
    port: u16,
    course: Arc<Mutex<Course>>,
    script: Arc<Script>,
    acceptor: TlsAcceptor,
    closed: Mutex<Option<TcpSocket>>,
    directory: TempDir,
}

impl ScriptedSmtp {
    /// Starts a server on a free port that behaves where the script says nothing. The script may be
    /// asked more than once about a moment.
    pub fn start(
        script: impl Fn(Moment<'_>) -> Option<Fault> + Send + Sync + 'static,
    ) -> ScriptedSmtp {
        let server = ScriptedSmtp::closed(script);
        server.open();
        server
    }

    /// The same, but connections are refused until it is [opened](Self::open).
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub fn closed(
        script: impl Fn(Moment<'_>) -> Option<Fault> + Send + Sync + 'static,
    ) -> ScriptedSmtp {
        crate::install_crypto();
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("the names are valid");
        std::fs::write(directory.path().join("cert.pem"), made.cert.pem())
            .expect("the directory is ours");
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
            .expect("the key belongs to the certificate");
        // Bound and not listening: nobody else gets the port, and connections are refused.
        let socket = TcpSocket::new_v4().expect("sockets can be made");
        socket
            .bind(([127, 0, 0, 1], 0).into())
            .expect("a port is free");
        ScriptedSmtp {
            port: socket.local_addr().expect("it is bound").port(),
            course: Arc::default(),
            script: Arc::new(script),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            closed: Mutex::new(Some(socket)),
            directory,
        }
    }

    /// Lets connections in from now on. Needs a runtime.
    ///
    /// # Panics
    ///
    /// If it is open already.
    pub fn open(&self) {
        let socket = self.closed.lock().expect("nobody panicked").take();
        let listener = socket.expect("it was closed").listen(64);
        let listener = listener.expect("a bound socket can listen");
        let (script, course) = (Arc::clone(&self.script), Arc::clone(&self.course));
        let acceptor = self.acceptor.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let talk = Talk {
                    script: Arc::clone(&script),
                    course: Arc::clone(&course),
                    recipient: String::new(),
                };
                let acceptor = acceptor.clone();
                // A connection that breaks is what this server is about.
                tokio::spawn(async move { talk.both(stream, acceptor).await.ok() });
            }
        });
    }

    /// Where it listens, written as in the configuration.
    pub fn url(&self) -> String {
        format!("smtp://localhost:{}", self.port)
    }

    /// The certificate, for clients to trust.
    pub fn ca_file(&self) -> PathBuf {
        self.directory.path().join("cert.pem")
    }

    /// The mails that were read in full up to now, in order.
    pub fn mails(&self) -> Vec<Mail> {
        self.course.lock().expect("nobody panicked").mails.clone()
    }

    /// How often a stage was reached up to now.
    pub fn reached(&self, stage: Stage) -> usize {
        let course = self.course.lock().expect("nobody panicked");
        course.stages.iter().filter(|one| **one == stage).count()
    }
}

/// Whether the connection goes on.
type Goes = io::Result<bool>;

/// One connection.
struct Talk {
    script: Arc<Script>,
    course: Arc<Mutex<Course>>,
    recipient: String,
}

impl Talk {
    async fn both(mut self, stream: TcpStream, acceptor: TlsAcceptor) -> io::Result<()> {
        let mut plain = BufReader::new(stream);
        if self.answer(Stage::Greeting, &mut plain).await?
            && self.commands(&mut plain, false).await?
        {
            let secure = acceptor.accept(plain.into_inner()).await?;
            self.commands(&mut BufReader::new(secure), true).await?;
        }
        Ok(())
    }

    /// Reads commands to the end of the connection, or to STARTTLS: then there is more to come.
    async fn commands<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut BufReader<S>,
        secure: bool,
    ) -> Goes {
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(false);
            }
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            let stage = match verb.as_str() {
                "EHLO" if secure => Stage::SecureHello,
                "EHLO" => Stage::Hello,
                "STAR" if !secure => Stage::StartTls,
                "AUTH" if secure => Stage::Login,
                "MAIL" if secure => Stage::Sender,
                "RCPT" if secure => Stage::Recipient,
                "DATA" => Stage::Data,
                "QUIT" => Stage::Quit,
                _ => {
                    stream.write_all(b"503 5.5.1 not now\r\n").await?;
                    stream.flush().await?;
                    continue;
                }
            };
            if stage == Stage::Recipient {
                let address = line.split(['<', '>']).nth(1).unwrap_or_default();
                self.recipient = address.to_owned();
            }
            let goes = self.answer(stage, stream).await?;
            if !goes || stage == Stage::Quit {
                return Ok(false);
            }
            if stage == Stage::StartTls {
                return Ok(true);
            }
            let invited = stage == Stage::Data && self.was_invited(stage);
            if invited && !self.mail(stream).await? {
                return Ok(false);
            }
        }
    }

    /// Whether the mail follows: the usual answer, or another one of class 3xx, was given.
    fn was_invited(&self, stage: Stage) -> bool {
        let before = self.reached(stage) - 1;
        let fault = (self.script)(self.moment(stage, before));
        match fault {
            Some(Fault::Say(text) | Fault::SayAfter(_, text)) => text.starts_with('3'),
            _ => true,
        }
    }

    async fn mail<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut BufReader<S>) -> Goes {
        let mut raw = Vec::new();
        loop {
            let begins = raw.len();
            if stream.read_until(b'\n', &mut raw).await? == 0 {
                return Ok(false);
            }
            if begins == 0 && !self.answer(Stage::Mail, stream).await? {
                return Ok(false);
            }
            if &raw[begins..] == b".\r\n" {
                raw.truncate(begins);
                break;
            }
            // A dot at the beginning of a line was doubled on the way.
            if raw[begins..].starts_with(b"..") {
                raw.remove(begins);
            }
        }
        let before = self.reached(Stage::Dot);
        let taken = match (self.script)(self.moment(Stage::Dot, before)) {
            Some(Fault::Say(text) | Fault::SayAfter(_, text)) => text.starts_with('2'),
            Some(Fault::Cut | Fault::Hang) | None => true,
        };
        let recipient = self.recipient.clone();
        let mail = Mail {
            recipient,
            raw,
            taken,
        };
        self.course
            .lock()
            .expect("nobody panicked")
            .mails
            .push(mail);
        self.answer(Stage::Dot, stream).await
    }

    fn reached(&self, stage: Stage) -> usize {
        let course = self.course.lock().expect("nobody panicked");
        course.stages.iter().filter(|one| **one == stage).count()
    }

    fn moment(&self, stage: Stage, before: usize) -> Moment<'_> {
        Moment {
            stage,
            before,
            recipient: &self.recipient,
        }
    }

    /// Says what the script or the protocol wants, and whether the connection goes on.
    async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stage: Stage,
        stream: &mut BufReader<S>,
    ) -> Goes {
        let before = self.reached(stage);
        self.course
            .lock()
            .expect("nobody panicked")
            .stages
            .push(stage);
        let text = match (self.script)(self.moment(stage, before)) {
            None => stage.usual(),
            Some(Fault::Say(text)) => text,
            Some(Fault::SayAfter(wait, text)) => {
                tokio::time::sleep(wait).await;
                text
            }
            Some(Fault::Cut) => return Ok(false),
            Some(Fault::Hang) => {
                // What the client still says is read, so that it can go away in peace.
                let mut rest = Vec::new();
                while stream.read_until(b'\n', &mut rest).await? > 0 {
                    rest.clear();
                }
                return Ok(false);
            }
        };
        if !text.is_empty() {
            stream.write_all(format!("{text}\r\n").as_bytes()).await?;
            stream.flush().await?;
        }
        // A server that says 421 closes.
        Ok(!text.starts_with("421"))
    }
}
