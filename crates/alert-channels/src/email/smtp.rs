//! One transaction on one connection, step by step, so that it is known how far it came.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lettre::Message as Mail;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use secrecy::ExposeSecret;
use std::error::Error as _;
use tokio::time::timeout;

use crate::email::reply::{Step, refusal};
use crate::email::{Email, Encryption};
use crate::http::find;
use crate::outcome::{Class, SendResult};
use jiff::Timestamp;

/// How long to be polite after the mail is done.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);
/// The mail is handed over in pieces, so that the last one is known.
const PIECE: usize = 8 * 1024;

impl Email {
    /// Sends a mail; once more as `smaller`, if the server says that it is too large. Its refusal is
    /// final, so nothing arrives twice. All of it has one deadline.
    pub(super) async fn transaction(
        &self,
        mail: &Mail,
        smaller: Option<&Mail>,
        at: Timestamp,
    ) -> SendResult {
        let dot = AtomicBool::new(false);
        let begun = Instant::now();
        let steps = async {
            match (self.steps(mail, at, &dot).await, smaller) {
                (Err(result), Some(smaller)) if is_too_large(&result) => {
                    dot.store(false, Ordering::Relaxed);
                    self.steps(smaller, at, &dot).await
                }
                (result, _) => result,
            }
        };
        match timeout(self.timeouts.whole, steps).await {
            Ok(Ok(mut connection)) => {
                // The mail is taken, whatever happens now.
                let left = self.timeouts.whole.saturating_sub(begun.elapsed());
                let _ = timeout(QUIT_TIMEOUT.min(left), connection.quit()).await;
                SendResult::Accepted { provider_id: None }
            }
            Ok(Err(result)) => result,
            Err(_) if dot.load(Ordering::Relaxed) => {
                SendResult::unknown(Class::Timeout, "no answer to the mail in time")
            }
            Err(_) => SendResult::transient(Class::Timeout, "the whole transaction took too long"),
        }
    }

    /// Connects, encrypts and logs in as for a mail, and says goodbye.
    pub(super) async fn greet(&self, at: Timestamp) -> Result<(), SendResult> {
        match timeout(self.timeouts.whole, self.open(at)).await {
            Ok(Ok(mut connection)) => {
                let _ = timeout(QUIT_TIMEOUT, connection.quit()).await;
                Ok(())
            }
            Ok(Err(result)) => Err(result),
            Err(_) => Err(SendResult::transient(Class::Timeout, "it took too long")),
        }
    }

    /// A connection that is encrypted and logged in; an error is what becomes of the mail instead.
    async fn open(&self, at: Timestamp) -> Result<AsyncSmtpConnection, SendResult> {
        let limit = self.timeouts.command;
        let hello = ClientId::default();
        let implicit = self.server.encryption == Encryption::Implicit;
        let connecting = AsyncSmtpConnection::connect_tokio1(
            (self.server.host.as_str(), self.server.port),
            Some(self.timeouts.connect),
            &hello,
            implicit.then(|| self.tls.clone()),
            None,
        );
        let mut connection =
            within(self.timeouts.connect + limit, connecting, Step::Connect, at).await?;
        if !implicit {
            if !connection.can_starttls() {
                let detail = "the server does not offer STARTTLS";
                return Err(SendResult::destination(Class::Tls, detail));
            }
            let upgrading = connection.starttls(self.tls.clone(), &hello);
            within(limit, upgrading, Step::StartTls, at).await?;
        }
        if !connection.is_encrypted() {
            return Err(SendResult::destination(Class::Tls, "not encrypted"));
        }
        if let Some(login) = &self.login {
            let credentials = Credentials::new(
                login.username.expose_secret().to_owned(),
                login.password.expose_secret().to_owned(),
            );
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let known = connection.server_info().get_auth_mechanism(&mechanisms);
            if known.is_none() {
                let detail = "the server offers no login by name and password";
                return Err(SendResult::destination(Class::Auth, detail));
            }
            let logging_in = connection.auth(&mechanisms, &credentials);
            let reply = within(limit, logging_in, Step::Login, at).await?;
            expect(&reply, 2, Step::Login, at)?;
        }
        Ok(connection)
    }

    /// All steps up to the answer that takes the mail; an error is what became of it instead.
    async fn steps(
        &self,
        mail: &Mail,
        at: Timestamp,
        dot: &AtomicBool,
    ) -> Result<AsyncSmtpConnection, SendResult> {
        let limit = self.timeouts.command;
        let mut connection = self.open(at).await?;
        let sender = self.composer.sender().clone();
        let recipient =
            mail.envelope().to().first().cloned().ok_or_else(|| {
                SendResult::message(Class::Recipient, "the mail has no recipient")
            })?;
        let mut parameters = Vec::new();
        if !(AsRef::<str>::as_ref(&sender).is_ascii()
            && AsRef::<str>::as_ref(&recipient).is_ascii())
        {
            if !connection
                .server_info()
                .supports_feature(Extension::SmtpUtfEight)
            {
                let detail = "the server takes no addresses beyond ASCII";
                return Err(SendResult::message(Class::Recipient, detail));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let command = connection.command(MailFrom::new(Some(sender), parameters));
        let reply = within(limit, command, Step::Sender, at).await?;
        expect(&reply, 2, Step::Sender, at)?;
        let command = connection.command(Rcpt::new(recipient, Vec::new()));
        let reply = within(limit, command, Step::Recipient, at).await?;
        expect(&reply, 2, Step::Recipient, at)?;
        let reply = within(limit, connection.command(Data), Step::Data, at).await?;
        expect(&reply, 3, Step::Data, at)?;

        let bytes = mail.formatted();
        // The pieces run out only after all of them were handed to the system; what comes next is
        // the dot.
        let pieces = bytes
            .chunks(PIECE)
            .map(Some)
            .chain(std::iter::once_with(|| {
                dot.store(true, Ordering::Relaxed);
                None
            }));
        let sending = connection.message_iter(pieces.map(Option::unwrap_or_default));
        let answer = timeout(self.timeouts.end_of_data, sending).await;
        let step = if dot.load(Ordering::Relaxed) {
            Step::Dot
        } else {
            Step::Data
        };
        let reply = match answer {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => return Err(fate(&error, step, at)),
            Err(_) => return Err(too_slow(step)),
        };
        expect(&reply, 2, step, at)?;
        Ok(connection)
    }
}

/// Whether the server refuses a mail of this size for good.
fn is_too_large(result: &SendResult) -> bool {
    let is_refusal = matches!(result, SendResult::RejectedMessage { .. });
    is_refusal && result.failure().map(|failure| failure.class) == Some(Class::TooLarge)
}

/// A step within its deadline.
async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, Error>>,
    which: Step,
    at: Timestamp,
) -> Result<T, SendResult> {
    match timeout(limit, step).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(fate(&error, which, at)),
        Err(_) => Err(too_slow(which)),
    }
}

/// Checks the first digit: the library also takes 3xx for success.
fn expect(reply: &Response, digit: u16, step: Step, at: Timestamp) -> Result<(), SendResult> {
    let code = u16::from(reply.code());
    if code / 100 == digit {
        Ok(())
    } else {
        let text = reply.message().next().unwrap_or_default();
        Err(refusal(step, code, text, at))
    }
}

fn too_slow(step: Step) -> SendResult {
    let detail = format!("too slow while {}", step.words());
    if step == Step::Dot {
        SendResult::unknown(Class::Timeout, detail)
    } else {
        SendResult::transient(Class::Timeout, detail)
    }
}

fn fate(error: &Error, step: Step, at: Timestamp) -> SendResult {
    if let Some(code) = error.status() {
        let text = error.source().map(ToString::to_string).unwrap_or_default();
        return refusal(step, u16::from(code), &text, at);
    }
    let handshake = matches!(step, Step::Connect | Step::StartTls);
    if error.is_tls() || (handshake && find::<rustls::Error>(error).is_some()) {
        let detail = "the server's certificate or TLS is not accepted";
        return SendResult::destination(Class::Tls, detail);
    }
    let detail = format!("the connection broke while {}", step.words());
    match step {
        Step::Dot => SendResult::unknown(Class::Interrupted, detail),
        _ if error.is_timeout() => too_slow(step),
        Step::Connect => SendResult::transient(Class::Connect, "no connection to the mail server"),
        _ => SendResult::transient(Class::Interrupted, detail),
    }
}
