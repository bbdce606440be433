//! The mail itself: headers, a text part and an HTML part.

use lettre::Address;
use lettre::Message as Mail;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use minijinja::{Environment, UndefinedBehavior, context};

use crate::channel::RenderError;
use crate::email::Subject;
use crate::ids::short_hash as hash;
use crate::notice::Notice;
use crate::text::{Wording, plain, wording};

/// The engine escapes what it inserts because of the ending `.html`.
const TEMPLATE: &str = "mail.html";

pub(crate) struct Composer {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    subject: Subject,
    templates: Environment<'static>,
}

/// What a service needs that builds the mail itself.
pub(crate) struct Parts {
    /// The address, without a name.
    pub(crate) recipient: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

impl Composer {
    pub(crate) fn new(from: Mailbox, reply_to: Option<Mailbox>, subject: Subject) -> Self {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        // A template that does not parse is a bug that the tests find; until then the plain
        // fallback serves.
        let _ = templates.add_template(TEMPLATE, include_str!("mail.html"));
        Composer {
            from,
            reply_to,
            subject,
            templates,
        }
    }

    /// The sender's address, without the name.
    pub(super) fn sender(&self) -> &Address {
        &self.from.email
    }

    /// The same mail for the same notice, byte for byte.
    pub(super) fn compose(&self, notice: &Notice) -> Result<Mail, RenderError> {
        let recipient = recipient(notice)?;
        let words = wording(notice);
        let domain = self.from.email.domain();
        let id = notice.safe_id();
        let thread = format!("<thread.{}@{domain}>", hash(&notice.thread));
        let subject = self.subject(&words);
        let mut mail = Mail::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient.email))
            .subject(subject)
            .date(notice.message.at().into())
            .message_id(Some(format!("<delivery.{id}@{domain}>")))
            // The root is never sent: relays may replace our ids, but not what we refer to.
            .in_reply_to(thread.clone())
            .references(thread);
        if let Some(reply_to) = &self.reply_to {
            mail = mail.reply_to(reply_to.clone());
        }
        for (name, value) in [
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("X-Auto-Response-Suppress", "All".to_owned()),
            ("List-Id", format!("Cost alerts <cost-alerts.{domain}>")),
            ("X-Spendwatch-Delivery-Id", id.clone()),
        ] {
            let name =
                HeaderName::new_from_ascii(name.into()).expect("the names above are plain ASCII");
            mail = mail.raw_header(HeaderValue::new(name, value));
        }
        let parts = MultiPart::alternative()
            .boundary(format!("=_{}", hash(&format!("{id}/boundary"))))
            .singlepart(SinglePart::plain(plain(&words)))
            .singlepart(SinglePart::html(self.html(&words)));
        // Fails only without sender or recipient, and both are there.
        mail.multipart(parts).map_err(|_| RenderError::BadRecipient)
    }

    /// The same text for a service that builds the mail itself.
    pub(crate) fn parts(&self, notice: &Notice) -> Result<Parts, RenderError> {
        let recipient = recipient(notice)?;
        let words = wording(notice);
        Ok(Parts {
            recipient: recipient.email.to_string(),
            subject: self.subject(&words).to_owned(),
            text: plain(&words),
            html: self.html(&words),
        })
    }

    fn subject<'a>(&self, words: &'a Wording) -> &'a str {
        match self.subject {
            Subject::Telling => &words.subject,
            Subject::PerThread => &words.thread_subject,
        }
    }

    fn html(&self, words: &Wording) -> String {
        self.templates
            .get_template(TEMPLATE)
            .and_then(|template| {
                template.render(context! {
                    words => minijinja::value::Serde(words),
                    color => words.tone.color(),
                    tone => words.tone.word(),
                })
            })
            .unwrap_or_else(|_| fallback(words))
    }
}

fn recipient(notice: &Notice) -> Result<Mailbox, RenderError> {
    let recipient = notice.recipient.as_deref();
    let recipient = recipient.ok_or(RenderError::NoRecipient)?.trim();
    // Only the address: a name would be one more text from outside.
    recipient.parse().map_err(|_| RenderError::BadRecipient)
}

/// HTML that cannot fail: the text part as it is.
fn fallback(words: &Wording) -> String {
    let text = plain(words)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!("<!doctype html><html lang=\"en\"><body><pre>{text}</pre></body></html>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn composer(subject: Subject) -> Composer {
        let from = "Cost alerts <cost@contoso.example>".parse().unwrap();
        Composer::new(from, None, subject)
    }

    #[test]
    fn the_template_renders_every_notice_and_stays_small() {
        let composer = composer(Subject::Telling);
        for (name, notice) in samples::all() {
            let html = composer.html(&wording(&notice));
            assert!(html.contains("</html>"), "{name}");
            assert!(!html.contains("<pre>"), "{name} fell back");
            assert!(html.len() < 100_000, "{name}: {}", html.len());
            assert!(!html.contains("<script"), "{name}");
        }
    }

    #[test]
    fn the_same_notice_is_the_same_mail() {
        let notice = samples::crossing();
        let first = composer(Subject::Telling).compose(&notice).unwrap();
        let second = composer(Subject::Telling).compose(&notice).unwrap();
        assert_eq!(first.formatted(), second.formatted());
    }

    #[test]
    fn mails_of_one_budget_and_period_share_a_thread() {
        let mail = |notice| {
            let mail = composer(Subject::PerThread).compose(&notice).unwrap();
            let header = |name| mail.headers().get_raw(name).unwrap().to_owned();
            (
                header("References"),
                header("Subject"),
                header("Message-ID"),
            )
        };
        let (crossing, correction) = (mail(samples::crossing()), mail(samples::correction()));
        assert_eq!(crossing.0, correction.0);
        assert_eq!(crossing.1, correction.1);
        assert_ne!(crossing.2, correction.2);
        let mut other = samples::crossing();
        other.thread = "payments-prod/monthly-2026-05-01/eve@contoso.example".into();
        assert_ne!(mail(other).0, crossing.0);
    }

    #[test]
    fn recipients_must_be_addresses() {
        let compose = |recipient: Option<&str>| {
            let notice = Notice {
                recipient: recipient.map(Into::into),
                ..samples::crossing()
            };
            composer(Subject::Telling).compose(&notice)
        };
        assert_eq!(compose(None).unwrap_err(), RenderError::NoRecipient);
        for bad in [
            "",
            "ada",
            "@contoso.example",
            "a@b@c",
            "owner@contoso.example\r\nBcc: evil@contoso.example",
            "owner@contoso.example, eve@contoso.example",
            "owner@contoso.example\0",
        ] {
            let error = compose(Some(bad)).unwrap_err();
            assert_eq!(error, RenderError::BadRecipient, "{bad:?}");
        }
        let mail = compose(Some(" \"Cost L\" <owner@contoso.example> ")).unwrap();
        assert_eq!(mail.headers().get_raw("To"), Some("owner@contoso.example"));
    }

    #[test]
    fn the_fallback_interprets_nothing() {
        let html = fallback(&wording(&samples::hostile()));
        assert!(!html.contains("<script"));
    }
}
