//! Mail over SMTP: one transaction on one connection for each recipient, always encrypted.
//!
//! `smtp://` means STARTTLS, which is required, `smtps://` TLS from the first byte; there is no
//! opportunistic and no plain mode. A connection is never reused, and every step has a deadline of
//! our own: a reply that is read for the wrong command is how a rejected mail looks delivered. What
//! is not known after the terminating dot is [`SendResult::Unknown`]; the same delivery always
//! carries the same `Message-ID`, so a second copy can be recognized.

mod chart;
pub(crate) mod compose;
mod page;
mod reply;
mod smtp;
mod templates;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use lettre::message::Mailbox;
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};
use secrecy::SecretString;
use url::Url;

use self::compose::Charts;
pub use self::templates::{TemplateProblem, Templates};
use crate::channel::{Attempt, Channel, ConfigError, Kind, RenderError, Rendered};
use crate::notice::Notice;
use crate::outcome::{Class, Failure, SendResult};
use crate::untrusted::header;

/// Longest display name of the sender.
const MAX_NAME: usize = 64;

/// How mail leaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// The relay.
    pub server: Server,
    /// The sender: `Cost alerts <cost@contoso.example>`.
    pub from: String,
    /// Where answers go, if not to the sender.
    pub reply_to: Option<String>,
    /// Name and password at the relay.
    pub login: Option<Login>,
    /// PEM file of the certificates that are trusted instead of the system's, for a relay with a
    /// certificate of one's own.
    pub ca_file: Option<PathBuf>,
    /// What the subject says.
    pub subject: Subject,
    /// Templates of one's own.
    pub templates: Option<Templates>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

impl Config {
    /// Without login, with the system's certificates and the usual deadlines.
    pub fn new(server: Server, from: impl Into<String>) -> Self {
        Config {
            server,
            from: from.into(),
            reply_to: None,
            login: None,
            ca_file: None,
            subject: Subject::default(),
            templates: None,
            timeouts: Timeouts::default(),
        }
    }
}

/// A mail server, written `smtp://relay.contoso.example:587` or `smtps://relay.contoso.example:465`.
///
/// ```
/// use alert_channels::email::{Encryption, Server};
/// let server: Server = "smtp://relay.contoso.example".parse().unwrap();
/// assert_eq!((server.port, server.encryption), (587, Encryption::StartTls));
/// assert!("smtp://user:secret@relay.contoso.example".parse::<Server>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Name or address; the certificate must be for it.
    pub host: String,
    /// 587 for `smtp`, 465 for `smtps`, unless given.
    pub port: u16,
    /// How the connection is encrypted.
    pub encryption: Encryption,
}

/// How a connection is encrypted. There is no way to do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// By the STARTTLS command; a server that does not offer it gets no mail.
    StartTls,
    /// From the first byte.
    Implicit,
}

impl FromStr for Server {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let fail = ConfigError::MailServer;
        let url = Url::parse(text.trim()).map_err(|_| fail("it is not a URL"))?;
        let (encryption, port) = match url.scheme() {
            "smtp" => (Encryption::StartTls, 587),
            "smtps" => (Encryption::Implicit, 465),
            _ => return Err(fail("it must begin with smtp:// or smtps://")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(fail("name and password are settings of their own"));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(fail("nothing may follow the port"));
        }
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(fail("it has no host"));
        }
        Ok(Server {
            host: host.to_owned(),
            port: url.port().unwrap_or(port),
            encryption,
        })
    }
}

/// Name and password at the relay.
#[derive(Debug, Clone)]
pub struct Login {
    /// The name.
    pub username: SecretString,
    /// The password.
    pub password: SecretString,
}

/// What the subject says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subject {
    /// What happened: `[Cost] Payments 82.1 % of EUR 10,000 (2026-05, data to 2026-05-14)`. It is
    /// what a phone shows. Mails of one thread still refer to each other, which most programs follow.
    #[default]
    Telling,
    /// The same for all mails of a budget and period, for programs that group by subject as well.
    PerThread,
}

/// How long to wait. Keep `whole` below the lease of the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the connection: 10 s. TLS handshake and greeting have the time of a command.
    pub connect: Duration,
    /// For each command: 20 s.
    pub command: Duration,
    /// For the answer to the mail itself, during which servers filter: 90 s.
    pub end_of_data: Duration,
    /// For all of it: 150 s.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(10),
            command: Duration::from_secs(20),
            end_of_data: Duration::from_secs(90),
            whole: Duration::from_secs(150),
        }
    }
}

/// Mail through one relay.
pub struct Email {
    server: Server,
    login: Option<Login>,
    timeouts: Timeouts,
    tls: TlsParameters,
    composer: compose::Composer,
}

impl Email {
    /// Reads the certificates and checks the addresses; does not connect.
    pub fn new(config: Config) -> Result<Email, ConfigError> {
        let from = mailbox(&config.from, "from")?;
        let reply_to = config
            .reply_to
            .as_deref()
            .map(|address| mailbox(address, "reply_to"))
            .transpose()?;
        let problem = |text: String| ConfigError::Certificates(text);
        let mut tls = TlsParameters::builder(config.server.host.clone());
        if let Some(path) = &config.ca_file {
            let pem = std::fs::read(path)
                .map_err(|error| problem(format!("{}: {}", path.display(), error.kind())))?;
            let certificate = Certificate::from_pem(&pem)
                .map_err(|_| problem(format!("{}: not PEM", path.display())))?;
            tls = tls
                .certificate_store(CertificateStore::None)
                .add_root_certificate(certificate);
        }
        let tls = tls
            .build_rustls()
            .map_err(|error| problem(error.to_string()))?;
        Ok(Email {
            server: config.server,
            login: config.login,
            timeouts: config.timeouts,
            tls,
            composer: compose::Composer::new(from, reply_to, config.subject)
                .with_templates(config.templates),
        })
    }
}

/// Whether the text is a mail address, with or without a name: `Cost alerts <cost@contoso.example>`.
pub fn is_mailbox(text: &str) -> bool {
    text.trim().parse::<Mailbox>().is_ok()
}

/// The address of a mailbox in lower case, without its name; `None` if it is none.
///
/// ```
/// use alert_channels::email::address_of;
/// assert_eq!(address_of("Anna <Anna@Contoso.example>").as_deref(), Some("anna@contoso.example"));
/// assert_eq!(address_of("anna"), None);
/// ```
pub fn address_of(text: &str) -> Option<String> {
    let mailbox: Mailbox = text.trim().parse().ok()?;
    Some(mailbox.email.to_string().to_lowercase())
}

/// An address with a name that is safe to show.
pub(crate) fn mailbox(text: &str, field: &'static str) -> Result<Mailbox, ConfigError> {
    let mailbox: Mailbox = text
        .trim()
        .parse()
        .map_err(|_| ConfigError::MailAddress(field))?;
    let name = mailbox.name.map(|name| header(&name, MAX_NAME));
    Ok(Mailbox::new(
        name.filter(|name| !name.is_empty()),
        mailbox.email,
    ))
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email")
            .field("server", &self.server)
            .field("has_login", &self.login.is_some())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Channel for Email {
    fn kind(&self) -> Kind {
        Kind::Email
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, RenderError> {
        let composed = self.composer.compose(notice, Charts::Shown)?;
        Ok(Rendered {
            content_type: "message/rfc822",
            extension: "eml",
            bytes: composed.mail.formatted(),
        })
    }

    async fn reach(&self, now: Timestamp) -> Option<Result<(), Failure>> {
        let greeted = self.greet(now).await;
        Some(greeted.or_else(|result| match result.failure() {
            Some(failure) => Err(failure.clone()),
            None => Ok(()),
        }))
    }

    async fn send(&self, notice: &Notice, attempt: Attempt) -> SendResult {
        let compose = |charts| self.composer.compose(notice, charts);
        match compose(Charts::Shown) {
            Ok(full) => {
                // The size that the relay refused is that of the chart, for the most part.
                let small = full.has_chart.then(|| compose(Charts::LeftOut).ok());
                let small = small.flatten().map(|small| small.mail);
                self.transaction(&full.mail, small.as_ref(), attempt.at)
                    .await
            }
            Err(error) => SendResult::message(Class::Recipient, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_encrypted_and_carry_no_secret() {
        let read = |text: &str| text.parse::<Server>();
        let server = read("smtps://relay.contoso.example:2465/").unwrap();
        assert_eq!(
            (server.port, server.encryption),
            (2465, Encryption::Implicit)
        );
        assert_eq!(read("smtp://[2001:db8::1]:25").unwrap().host, "2001:db8::1");
        for bad in [
            "relay.contoso.example:587",
            "http://relay.contoso.example",
            "smtp://",
            "smtp://c4n4ry@relay.contoso.example",
            "smtp://:c4n4ry@relay.contoso.example",
            "smtp://relay.contoso.example/?tls=c4n4ry",
        ] {
            let error = read(bad).unwrap_err().to_string();
            assert!(!error.contains("c4n4ry"), "{error}");
        }
    }

    #[test]
    fn senders_are_checked_when_configured() {
        let server: Server = "smtp://relay.contoso.example".parse().unwrap();
        for bad in ["", "cost", "a b c@", "Cost <cost@contoso.example"] {
            let error = Email::new(Config::new(server.clone(), bad)).unwrap_err();
            assert_eq!(error, ConfigError::MailAddress("from"), "{bad:?}");
        }
        let mut config = Config::new(server, "Cost <cost@contoso.example>");
        config.ca_file = Some("/nonexistent/ca.pem".into());
        assert!(matches!(
            Email::new(config),
            Err(ConfigError::Certificates(_))
        ));
    }
}
